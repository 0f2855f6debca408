// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// A client with credentials: sends to acl-work and consumes from it until it is ended, and tells a line for each event:
//
//	go run . NAMESRV NAMESPACE ACCESSKEY SECRETKEY
//
//	sent | refused WHY | got BODY
func acl(key, secret string) {
	who := primitive.Credentials{AccessKey: key, SecretKey: secret}
	resolver := primitive.NewPassthroughResolver([]string{ns})
	c, err := rocketmq.NewPushConsumer(
		consumer.WithGroupName("acl-go"), consumer.WithNsResolver(resolver), consumer.WithNamespace(space),
		consumer.WithCredentials(who), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithInstance("c"))
	if err == nil {
		err = c.Subscribe("acl-work", consumer.MessageSelector{}, func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			for _, m := range msgs {
				fmt.Printf("got %s\n", m.Body)
			}
			return consumer.ConsumeSuccess, nil
		})
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		fmt.Printf("refused %v\n", err)
	}
	p, err := rocketmq.NewProducer(
		producer.WithGroupName("acl-producer"), producer.WithNsResolver(resolver), producer.WithNamespace(space),
		producer.WithCredentials(who), producer.WithInstanceName("p"), producer.WithRetry(0))
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		fmt.Printf("refused %v\n", err)
		os.Exit(1)
	}
	for {
		_, err := p.SendSync(context.Background(), primitive.NewMessage("acl-work", []byte("go")))
		if err != nil {
			fmt.Printf("refused %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("sent")
		}
		time.Sleep(100 * time.Millisecond)
	}
}
