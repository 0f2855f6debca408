// SPDX-License-Identifier: Apache-2.0

// A running Go consumer is reset from outside: it says when it is ready for that, and whether all came again.
//
//	go run . reset NAMESRV		topic and group go-reset are made on first use
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

const resetMessages = 10

func reset(args []string) {
	var lock sync.Mutex
	times := map[string]int{}
	all := func(n int) bool {
		lock.Lock()
		defer lock.Unlock()
		for _, got := range times {
			if got < n {
				return false
			}
		}
		return len(times) == resetMessages
	}
	wait := func(n int, limit time.Duration) error {
		for end := time.Now().Add(limit); !all(n); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Errorf("%v", times)
			}
		}
		return nil
	}
	label = "go"
	rlog.SetLogLevel("fatal")
	names := primitive.NewPassthroughResolver([]string{args[0]})
	p, err := rocketmq.NewProducer(producer.WithGroupName("go-reset-producer"), producer.WithNsResolver(names))
	if err == nil {
		err = p.Start()
	}
	for i := 0; err == nil && i < resetMessages; i++ {
		m := primitive.NewMessage("go-reset", []byte("x"))
		m.WithKeys([]string{fmt.Sprint("k", i)})
		_, err = p.SendSync(context.Background(), m)
	}
	if err == nil {
		var c rocketmq.PushConsumer
		c, err = rocketmq.NewPushConsumer(consumer.WithGroupName("go-reset"), consumer.WithNsResolver(names),
			consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
		if err == nil {
			err = c.Subscribe("go-reset", consumer.MessageSelector{}, func(_ context.Context,
				msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
				lock.Lock()
				defer lock.Unlock()
				for _, m := range msgs {
					times[m.GetKeys()]++
				}
				return consumer.ConsumeSuccess, nil
			})
		}
		if err == nil {
			err = c.Start()
		}
	}
	if err == nil {
		err = wait(1, 30*time.Second)
	}
	step("a consumer runs", func() error { return err })
	fmt.Fprintln(os.Stderr, "ready")
	step("a running consumer is reset to the beginning", func() error { return wait(2, 90*time.Second) })
	if failed > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}
