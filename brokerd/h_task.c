/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_task: the journal of migration tasks, kept for whoever runs them: what a task is to do, item by
 * item, and how far it is. The broker gives no meaning to states, reasons and specs; it only
 * keeps them, durably before each answer. No ext fields; bodies are JSON:
 *
 * 30010 CREATE_TASK
 *	{"kind":"import","source":"apache-file","input":"export.json","state":"pending","spec":{...},
 *	 "items":[{"kind":"topic","source":"shop%orders","target":"shop%orders","state":"pending",
 *		   "reason":"","spec":{...}}, ...]}
 *	"id" may be given (1-64 of letters, digits, '-', '_'); one that exists is refused with 18.
 *	Items get numbers from 1 in their order. Every member but "kind" may be absent; a "spec" is any
 *	JSON and comes back as it went in (compact).
 *	-> 0 {"id":"task-0f3a9c21b7de"}
 * 30011 UPDATE_TASK
 *	{"id":"task-...","state":"running",
 *	 "items":[{"n":1,"state":"done","reason":""}, {"n":2,"state":"failed","reason":"..."}]}
 *	"state" (of the task) and "items" may each be absent; "reason" too, then it becomes "". All in one
 *	transaction. Unknown task or item: 22, and nothing is changed.
 *	-> 0
 * 30012 LIST_TASKS
 *	no body
 *	-> 0 {"tasks":[{"counts":{"done":1998,"failed":2},"created_ms":1700000000000,"id":"task-...",
 *	      "input":"export.json","kind":"import","source":"apache-file","state":"running",
 *	      "updated_ms":1700000000100}, ...]}		oldest first
 * 30013 GET_TASK
 *	{"id":"task-...","state":"failed","after":0,"max":10000}	all but "id" may be absent
 *	-> 0 {"task":{... as in the list, and "spec":{...}},
 *	      "items":[{"kind":"topic","n":1,"reason":"","source":"...","spec":{...},"state":"done",
 *		       "target":"..."}, ...]}
 *	"state" filters items, "after" and "max" (at most 10000) page through them by number.
 *	Unknown task: 22.
 *
 * 1,000 + 1,000 items are one request of well under a megabyte each way.
 */
#include "base.h"
