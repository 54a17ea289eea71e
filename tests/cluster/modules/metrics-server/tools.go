//go:build tools

// Names the programs that are built, so that go.mod and go.sum cover them.
package tools

import (
	_ "sigs.k8s.io/metrics-server/cmd/metrics-server"
)
