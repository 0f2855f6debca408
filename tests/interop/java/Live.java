/* SPDX-License-Identifier: Apache-2.0 */
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;

/* Clients that are there while mqadmin looks at them; the end of the JVM ends them. */
class Live {
	/* The id of the message that was sent, if one was. */
	static String start(String[] words) throws Exception {
		String group = words[2], topic = words[3];
		if (words[1].equals("producer"))
			return producer(group, topic);
		consumer(group, topic);
		return null;
	}

	private static void consumer(String group, String topic) throws Exception {
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(group);
		c.setInstanceName(group);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.setPersistConsumerOffsetInterval(500);
		c.subscribe(topic, "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
		c.start();
	}

	private static String producer(String group, String topic) throws Exception {
		DefaultMQProducer p = new DefaultMQProducer(group, true);
		p.setInstanceName(group);
		p.start();
		return p.send(new Message(topic, "live".getBytes()), p.fetchPublishMessageQueues(topic).get(1)).getMsgId();
	}
}
