/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_task: the journal of migration tasks, kept for whoever runs them: what a task is to do, item by
 * item, and how far it is. The broker gives no meaning to states, kinds and documents; it only keeps them,
 * durably before each answer. No ext fields; bodies are JSON; a "doc" is any JSON and comes back
 * as it went in (compact). kind and state are texts of 1 to 32 bytes.
 *
 * 30010 CREATE_TASK
 *	{"state":"pending","doc":{...},"items":[{"kind":"topic","state":"pending","doc":{...}}, ...]}
 *	"doc" may be absent ({}). Items get the numbers 0, 1, ... in their order.
 *	-> 0 {"id":7}
 * 30011 UPDATE_TASK
 *	{"id":7,"state":"running","doc":{...},"items":[{"n":0,"state":"created","doc":{...}}, ...]}
 *	All but "id" and "n" may be absent; what is absent stays. One transaction: unknown task or
 *	item is answered with 22 and nothing is changed.
 *	-> 0
 * 30012 LIST_TASKS
 *	no body
 *	-> 0 {"tasks":[{"counts":{"group":{"created":1000},"topic":{"created":998,"failed":2}},
 *	      "created_ms":1700000000000,"doc":{...},"id":7,"state":"running",
 *	      "updated_ms":1700000000100}, ...]}		oldest first
 * 30013 GET_TASK
 *	{"id":7,"state":"failed","from":0,"max":10000}		all but "id" may be absent
 *	-> 0 {"items":[{"doc":{...},"kind":"topic","n":0,"state":"created"}, ...],
 *	      "task":{... as in the list}}
 *	"state" filters items; "from" (a number) and "max" (at most 10000, the default) page through them.
 *	Unknown task: 22.
 *
 * 1,000 + 1,000 items are one request of well under a megabyte each way.
 */
#include "base.h"
