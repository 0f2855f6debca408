/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The longest token wins. Names are ASCII; a number with a point or an exponent is a float; a
 * leading zero is a number of its own, so 007 is 0, 0 and 7. A comment to the end of the line must
 * have that line end, else its dashes are minus signs, as in Apache's grammar.
 */
#include "sql92_impl.h"

#include <ctype.h>
#include <strings.h>

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || c == '$';
}

static bool is_digit(char c)
{
	return isdigit((unsigned char)c);
}

static size_t skip_digits(struct str t, size_t i)
{
	while (i < t.n && is_digit(t.p[i]))
		i++;
	return i;
}

/* Length of the comment at i; 0 if there is none. */
static size_t comment(struct str t, size_t i)
{
	struct str rest = str_skip(t, i);

	if (str_starts(rest, STR("/*"))) {
		for (size_t k = 2; k + 1 < rest.n; k++)
			if (rest.p[k] == '*' && rest.p[k + 1] == '/')
				return k + 2;
	} else if (str_starts(rest, STR("--"))) {
		for (size_t k = 2; k < rest.n; k++)
			if (rest.p[k] == '\n' || rest.p[k] == '\r')
				return k + 1;
	}
	return 0;
}

static size_t skip_blanks(struct str t, size_t i)
{
	for (size_t n; i < t.n; i += n) {
		n = strchr(" \t\n\r\f", t.p[i]) && t.p[i] ? 1 : comment(t, i);
		if (!n)
			break;
	}
	return i;
}

/* End of the exponent at i; i if there is none. */
static size_t exponent(struct str t, size_t i)
{
	size_t k = i + 1;

	if (i >= t.n || (t.p[i] != 'e' && t.p[i] != 'E'))
		return i;
	if (k < t.n && (t.p[k] == '+' || t.p[k] == '-'))
		k++;
	return k < t.n && is_digit(t.p[k]) ? skip_digits(t, k) : i;
}

static size_t number(struct str t, size_t i, enum sql_token_kind *kind)
{
	size_t digits = skip_digits(t, i), end;

	*kind = TOKEN_FLOAT;
	if (digits < t.n && t.p[digits] == '.')
		return exponent(t, skip_digits(t, digits + 1));
	end = exponent(t, digits);
	if (end > digits)
		return end;
	*kind = TOKEN_INTEGER;
	end = t.p[i] == '0' ? i + 1 : digits;
	return end < t.n && (t.p[end] == 'l' || t.p[end] == 'L') ? end + 1 : end;
}

static enum sql_token_kind keyword(struct str word)
{
	static const struct {
		const char *word;
		enum sql_token_kind kind;
	} keywords[] = {
		{ "NOT", TOKEN_NOT },
		{ "AND", TOKEN_AND },
		{ "OR", TOKEN_OR },
		{ "BETWEEN", TOKEN_BETWEEN },
		{ "IN", TOKEN_IN },
		{ "TRUE", TOKEN_TRUE },
		{ "FALSE", TOKEN_FALSE },
		{ "NULL", TOKEN_NULL },
		{ "IS", TOKEN_IS },
	};

	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (strlen(keywords[i].word) == word.n &&
			!strncasecmp(keywords[i].word, word.p, word.n))
			return keywords[i].kind;
	return TOKEN_NAME;
}

static size_t word(struct str t, size_t i, enum sql_token_kind *kind)
{
	size_t end = i;

	while (end < t.n && (is_name_start(t.p[end]) || is_digit(t.p[end])))
		end++;
	*kind = keyword((struct str){ t.p + i, end - i });
	return end;
}

/* A doubled quote stands for one; i is at the opening quote. */
static size_t string(struct str t, size_t i, enum sql_token_kind *kind)
{
	*kind = TOKEN_STRING;
	for (i++; i < t.n; i++) {
		if (t.p[i] != '\'')
			continue;
		if (i + 1 >= t.n || t.p[i + 1] != '\'')
			return i + 1;
		i++;
	}
	*kind = TOKEN_BAD;
	return t.n;
}

static size_t operator_at(struct str t, size_t i, enum sql_token_kind *kind)
{
	static const struct {
		const char *text;
		enum sql_token_kind kind;
	} operators[] = {
		/* longer ones first */
		{ "<>", TOKEN_NOT_EQUAL },
		{ ">=", TOKEN_GREATER_EQUAL },
		{ "<=", TOKEN_LESS_EQUAL },
		{ "=", TOKEN_EQUAL },
		{ ">", TOKEN_GREATER },
		{ "<", TOKEN_LESS },
		{ "(", TOKEN_OPEN },
		{ ")", TOKEN_CLOSE },
		{ ",", TOKEN_COMMA },
		{ "+", TOKEN_PLUS },
		{ "-", TOKEN_MINUS },
	};

	for (size_t k = 0; k < ARRAY_LEN(operators); k++) {
		if (!str_starts(str_skip(t, i), str_of(operators[k].text)))
			continue;
		*kind = operators[k].kind;
		return i + strlen(operators[k].text);
	}
	*kind = TOKEN_BAD;
	return i + 1;
}

struct sql_token sql_lex(struct str t, size_t *at)
{
	size_t i = skip_blanks(t, *at), end = i;
	struct sql_token token = { .kind = TOKEN_END, .at = i };

	if (i >= t.n)
		end = t.n;
	else if (is_name_start(t.p[i]))
		end = word(t, i, &token.kind);
	else if (is_digit(t.p[i]) || (t.p[i] == '.' && i + 1 < t.n && is_digit(t.p[i + 1])))
		end = number(t, i, &token.kind);
	else if (t.p[i] == '\'')
		end = string(t, i, &token.kind);
	else
		end = operator_at(t, i, &token.kind);
	token.text = (struct str){ t.p + i, end - i };
	*at = end;
	return token;
}
