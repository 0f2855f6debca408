// SPDX-License-Identifier: Apache-2.0

// What the Go client sees of a cluster that takes so many calls a second.
//
//	goflow limits NAMESRV RATE
//
// Topic go-limits is of type normal.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

const (
	limitSenders = 16
	limitEach    = 15
)

func slowed(p rocketmq.Producer, rate int) error {
	var wg sync.WaitGroup
	errs := make(chan error, limitSenders)
	begun := time.Now()
	for i := 0; i < limitSenders; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; k < limitEach; k++ {
				r, err := p.SendSync(context.Background(), primitive.NewMessage("go-limits", []byte("slow")))
				if err == nil && r.Status != primitive.SendOK {
					err = fmt.Errorf("status %v", r.Status)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	all := limitSenders * limitEach
	least := time.Duration((all-rate/5)*900/rate) * time.Millisecond
	if took := time.Since(begun); took < least {
		return fmt.Errorf("%d messages in %v, not %v", all, took, least)
	}
	return nil
}

func otherType(p rocketmq.Producer) error {
	_, err := p.SendSync(context.Background(),
		primitive.NewMessage("go-limits", []byte("later")).WithDelayTimeLevel(1))
	if err == nil || !strings.Contains(err.Error(), "takes messages of type normal, this one is of type delay") {
		return fmt.Errorf("%v", err)
	}
	return nil
}

func limits(args []string) {
	label = "go"
	rlog.SetLogLevel("fatal")
	rate, err := strconv.Atoi(args[1])
	if err != nil {
		panic(err)
	}
	p, err := rocketmq.NewProducer(producer.WithGroupName("go-limits-producer"),
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{args[0]})))
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		panic(err)
	}
	step("sends above the rate are slowed down, and none fails", func() error { return slowed(p, rate) })
	step("a message of another type is refused with the reason", func() error { return otherType(p) })
	p.Shutdown()
	if failed > 0 {
		os.Exit(1)
	}
}
