// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// Does at once what the key says; what is unknown is committed when the broker asks.
type bank struct {
	sync.Mutex
	asked map[string]int
}

func (b *bank) ExecuteLocalTransaction(m *primitive.Message) primitive.LocalTransactionState {
	switch strings.TrimPrefix(m.GetKeys(), run) {
	case "commit":
		return primitive.CommitMessageState
	case "rollback":
		return primitive.RollbackMessageState
	}
	return primitive.UnknowState
}

func (b *bank) CheckLocalTransaction(m *primitive.MessageExt) primitive.LocalTransactionState {
	b.Lock()
	defer b.Unlock()
	b.asked[strings.TrimPrefix(m.GetKeys(), run)]++
	return primitive.CommitMessageState
}

func transactions() error {
	b := &bank{asked: map[string]int{}}
	in, c := consume("go-tx", "go-work", "tx", nil)
	opts := []producer.Option{
		producer.WithGroupName("go-tx-producer-" + space), // the client puts no namespace before it
		producer.WithInstanceName("go-bank"),              // not the consumer's: checks are taken by the first of an instance
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{ns})),
	}
	if space != "" {
		opts = append(opts, producer.WithNamespace(space))
	}
	p, err := rocketmq.NewTransactionProducer(b, opts...)
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		return err
	}
	defer func() {
		_ = p.Shutdown()
		_ = c.Shutdown()
	}()
	for _, key := range []string{"commit", "rollback", "unknown"} {
		if _, err = p.SendMessageInTransaction(context.Background(), message("go-work", "tx", key)); err != nil {
			return err
		}
	}
	if err = once(in.await(2, 90*time.Second, ""), []string{run + "commit", run + "unknown"}); err != nil {
		return err
	}
	b.Lock()
	defer b.Unlock()
	if len(b.asked) != 1 || b.asked["unknown"] == 0 {
		return fmt.Errorf("asked for %v", b.asked)
	}
	return nil
}
