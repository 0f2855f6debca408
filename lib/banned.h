/* SPDX-License-Identifier: Apache-2.0 */
/*
 * banned: library functions we do not call, each with the piece to use instead. Functions that
 * headers declare after this point are poisoned by name, so a call does not compile.
 */
#ifndef TDMQ_BANNED_H
#define TDMQ_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef strtok
#undef sprintf
#undef vsprintf
#undef atoi
#undef gmtime
#undef localtime

#define strcpy(d, s) BANNED_use_snprintf_or_buf
#define strcat(d, s) BANNED_use_buf
#define strncpy(d, s, n) BANNED_use_snprintf_or_buf
#define strncat(d, s, n) BANNED_use_buf
#define strtok(s, d) BANNED_use_str_cut
#define sprintf BANNED_use_snprintf_or_buf_addf
#define vsprintf BANNED_use_vsnprintf
#define atoi(s) BANNED_use_str_to_i64
#define gmtime(t) BANNED_use_gmtime_r
#define localtime(t) BANNED_use_localtime_r

#endif
