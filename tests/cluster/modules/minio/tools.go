//go:build tools

// Names the programs that are built, so that go.mod and go.sum cover them.
package tools

import (
	_ "github.com/minio/minio"
)
