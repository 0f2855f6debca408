// SPDX-License-Identifier: Apache-2.0

// The Go client's day: sends in every way, consumes, filters by tag, is delayed, keeps order, sends in transactions,
// refuses until the dead letter topic. Each claim is a line "ok NAME" or "not ok NAME".
//
//	go run . NAMESRV NAMESPACE		NAMESPACE may be ''
//
// Topics go-work, go-order and go-fail and groups go-all, go-tag, go-order, go-tx and go-fail are there already. That
// the refused message is a dead letter is for the caller to look up, by the key on the last line.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var (
	ns, space, label string
	run              = strconv.FormatInt(time.Now().UnixMilli(), 36) + "-"
	passed, failed   int

	// Before the first retry: 10 s with Apache, 1 s with brokerd. A little less is rounding.
	firstPause = 950 * time.Millisecond
)

func step(name string, fn func() error) {
	if err := fn(); err != nil {
		failed++
		fmt.Printf("not ok %s: %s\n# %s\n", label, name, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	passed++
	fmt.Printf("ok %s: %s\n", label, name)
}

type item struct {
	key, body string
	at        time.Time
	msg       *primitive.MessageExt
}

// What one consumer received of this run, in order, duplicates too.
type inbox struct {
	sync.Mutex
	items []item
}

func (in *inbox) all(prefix string) []item {
	in.Lock()
	defer in.Unlock()
	var out []item
	for _, i := range in.items {
		if strings.HasPrefix(i.key, run+prefix) {
			out = append(out, i)
		}
	}
	return out
}

// Until n items are here; then a moment more, for what should not come.
func (in *inbox) await(n int, limit time.Duration, prefix string) []item {
	for end := time.Now().Add(limit); len(in.all(prefix)) < n && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	return in.all(prefix)
}

func once(got []item, want []string) error {
	count := map[string]int{}
	for _, i := range got {
		count[i.key]++
	}
	var missing, extra []string
	for _, k := range want {
		if count[k] == 0 {
			missing = append(missing, k)
		}
		count[k]--
	}
	for k, n := range count {
		if n > 0 {
			extra = append(extra, k)
		}
	}
	if len(missing)+len(extra) > 0 {
		sort.Strings(extra)
		return fmt.Errorf("missing %v, twice or unasked %v", missing, extra)
	}
	return nil
}

func consume(group, topic, tags string, refuse func(item) bool, opts ...consumer.Option) (*inbox, rocketmq.PushConsumer) {
	in := &inbox{}
	opts = append([]consumer.Option{
		consumer.WithGroupName(group),
		consumer.WithNsResolver(primitive.NewPassthroughResolver([]string{ns})),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithInstance(group),
		consumer.WithMaxReconsumeTimes(1),
	}, opts...)
	if space != "" {
		opts = append(opts, consumer.WithNamespace(space))
	}
	c, err := rocketmq.NewPushConsumer(opts...)
	if err == nil {
		sel := consumer.MessageSelector{Type: consumer.TAG, Expression: tags}
		err = c.Subscribe(topic, sel, func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			for _, m := range msgs {
				i := item{m.GetKeys(), string(m.Body), time.Now(), m}
				if !strings.HasPrefix(i.key, run) {
					continue
				}
				in.Lock()
				in.items = append(in.items, i)
				in.Unlock()
				if refuse != nil && refuse(i) {
					return consumer.ConsumeRetryLater, nil
				}
			}
			return consumer.ConsumeSuccess, nil
		})
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		fmt.Printf("not ok %s: consumer %s starts\n# %v\n", label, group, err)
		os.Exit(1)
	}
	return in, c
}

func message(topic, tag, key string) *primitive.Message {
	m := primitive.NewMessage(topic, []byte("消息 "+key))
	m.WithTag(tag)
	m.WithKeys([]string{run + key})
	m.WithProperty("origin", key)
	return m
}

func keys(prefix string, n int) (out []string) {
	for i := 0; i < n; i++ {
		out = append(out, run+prefix+strconv.Itoa(i))
	}
	return out
}

func main() {
	if os.Args[1] == "reset" {
		reset(os.Args[2:])
		return
	}
	if os.Args[1] == "limits" {
		limits(os.Args[2:])
		return
	}
	ns, space, label = os.Args[1], os.Args[2], "go"
	if space != "" {
		label = "go, namespace " + space
	}
	if ms, err := strconv.Atoi(os.Getenv("FIRST_PAUSE_MS")); err == nil {
		firstPause = time.Duration(ms) * time.Millisecond
	}
	rlog.SetLogLevel("fatal")
	if len(os.Args) > 4 {
		acl(os.Args[3], os.Args[4])
	}

	all, c1 := consume("go-all", "go-work", "*", nil)
	tagged, c2 := consume("go-tag", "go-work", "A || C", nil)
	order, c3 := consume("go-order", "go-order", "*", nil, consumer.WithConsumerOrder(true))
	fails, c4 := consume("go-fail", "go-fail", "*", func(i item) bool {
		return strings.HasSuffix(i.key, "dies") || i.msg.ReconsumeTimes == 0
	})
	opts := []producer.Option{
		producer.WithGroupName("go-producer"),
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{ns})),
		producer.WithQueueSelector(producer.NewHashQueueSelector()),
	}
	if space != "" {
		opts = append(opts, producer.WithNamespace(space))
	}
	p, err := rocketmq.NewProducer(opts...)
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		fmt.Printf("not ok %s: producer starts\n# %v\n", label, err)
		os.Exit(1)
	}

	step("sync sends are stored", func() error { return sendSync(p) })
	step("async sends call back", func() error { return sendAsync(p) })
	step("one-way and batch sends are accepted", func() error { return sendOther(p) })
	step("messages that will fail are sent", func() error {
		_, err := p.SendSync(context.Background(), message("go-fail", "x", "dies"))
		if err == nil {
			_, err = p.SendSync(context.Background(), message("go-fail", "x", "recovers"))
		}
		return err
	})
	step("each message is consumed once, whole", func() error { return consumedOnce(all) })
	step("a tag filter passes its tags only", func() error {
		want := keys("batch", 5)
		for i := 0; i < 20; i += 2 {
			want = append(want, run+"sync"+strconv.Itoa(i))
		}
		return once(tagged.await(len(want), 15*time.Second, ""), want)
	})
	step("orderly consumption keeps the order of each key", func() error { return inOrder(p, order) })
	step("delay level 1 holds a message back for 1 s", func() error { return delayed(p, all) })
	step("transactions are committed, rolled back, and asked for", transactions)
	step("a refused message is retried with its key", func() error { return retried(fails) })

	fmt.Printf("# %s: %d passed, %d failed\n# dead letter %sdies\n", label, passed, failed, run)
	for _, c := range []rocketmq.PushConsumer{c1, c2, c3, c4} {
		_ = c.Shutdown()
	}
	_ = p.Shutdown()
	if failed > 0 {
		os.Exit(1)
	}
}

func sendSync(p rocketmq.Producer) error {
	for i := 0; i < 20; i++ {
		r, err := p.SendSync(context.Background(), message("go-work", string("AB"[i%2]), "sync"+strconv.Itoa(i)))
		if err != nil {
			return err
		}
		if r.Status != primitive.SendOK || len(r.OffsetMsgID) != 32 {
			return fmt.Errorf("%s", r)
		}
	}
	return nil
}

func sendAsync(p rocketmq.Producer) error {
	results := make(chan error, 10)
	for i := 0; i < 10; i++ {
		err := p.SendAsync(context.Background(), func(_ context.Context, r *primitive.SendResult, err error) {
			results <- err
		}, message("go-work", "B", "async"+strconv.Itoa(i)))
		if err != nil {
			return err
		}
	}
	for i := 0; i < 10; i++ {
		select {
		case err := <-results:
			if err != nil {
				return err
			}
		case <-time.After(10 * time.Second):
			return fmt.Errorf("%d without an answer", 10-i)
		}
	}
	return nil
}

func sendOther(p rocketmq.Producer) error {
	for i := 0; i < 5; i++ {
		if err := p.SendOneWay(context.Background(), message("go-work", "B", "oneway"+strconv.Itoa(i))); err != nil {
			return err
		}
	}
	var batch []*primitive.Message
	for i := 0; i < 5; i++ {
		batch = append(batch, message("go-work", "C", "batch"+strconv.Itoa(i)))
	}
	r, err := p.SendSync(context.Background(), batch...)
	if err == nil && r.Status != primitive.SendOK {
		err = fmt.Errorf("%s", r)
	}
	return err
}

func consumedOnce(in *inbox) error {
	want := append(append(append(keys("sync", 20), keys("async", 10)...), keys("oneway", 5)...), keys("batch", 5)...)
	got := in.await(len(want), 20*time.Second, "")
	if err := once(got, want); err != nil {
		return err
	}
	for _, i := range got {
		key := strings.TrimPrefix(i.key, run)
		if i.body != "消息 "+key || i.msg.GetProperty("origin") != key {
			return fmt.Errorf("%s has the body %s and the property %s", i.key, i.body, i.msg.GetProperty("origin"))
		}
	}
	return nil
}

func inOrder(p rocketmq.Producer, in *inbox) error {
	for i := 0; i < 40; i++ {
		m := message("go-order", "o", "o"+strconv.Itoa(i))
		m.WithShardingKey("k" + strconv.Itoa(i%5))
		if _, err := p.SendSync(context.Background(), m); err != nil {
			return err
		}
	}
	got := in.await(40, 45*time.Second, "")
	if err := once(got, keys("o", 40)); err != nil {
		return err
	}
	last := map[int]int{}
	for _, i := range got {
		n, _ := strconv.Atoi(strings.TrimPrefix(i.key, run+"o"))
		if before, ok := last[n%5]; ok && before > n {
			return fmt.Errorf("key %d: %d after %d", n%5, n, before)
		}
		last[n%5] = n
	}
	return nil
}

func delayed(p rocketmq.Producer, in *inbox) error {
	start := time.Now()
	if _, err := p.SendSync(context.Background(), message("go-work", "B", "late").WithDelayTimeLevel(1)); err != nil {
		return err
	}
	got := in.await(1, 10*time.Second, "late")
	if len(got) != 1 {
		return fmt.Errorf("it came %d times", len(got))
	}
	if d := got[0].at.Sub(start); d < 950*time.Millisecond || d > 4*time.Second {
		return fmt.Errorf("it came after %s", d)
	}
	return nil
}

func retried(in *inbox) error {
	in.await(4, 45*time.Second, "")
	for _, key := range []string{"dies", "recovers"} {
		of := in.all(key)
		if len(of) != 2 {
			return fmt.Errorf("%s came %d times", key, len(of))
		}
		if of[1].msg.ReconsumeTimes != 1 {
			return fmt.Errorf("%s says it is try %d", key, of[1].msg.ReconsumeTimes)
		}
		if d := of[1].at.Sub(of[0].at); d < firstPause {
			return fmt.Errorf("%s came again after %s", key, d)
		}
		if of[1].body != "消息 "+key {
			return fmt.Errorf("%s came again as %s", key, of[1].body)
		}
	}
	return nil
}
