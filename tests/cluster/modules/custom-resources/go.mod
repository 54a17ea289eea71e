// Only for the CRDs in these modules; nothing is built from them.
module custom-resources

go 1.26

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/api v1.31.1
)
