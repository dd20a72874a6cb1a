package server

import (
	"fmt"
	"log/slog"
)

// errorLog passes errors of promhttp to the program's log.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Println(v ...any) { l.log.Error("metrics", "err", fmt.Sprint(v...)) }
