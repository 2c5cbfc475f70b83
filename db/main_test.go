package db_test

import (
	"testing"

	"muster/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
