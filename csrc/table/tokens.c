/* tokens.c: cuts an expression into tokens; keywords stay words, each grammar knows its own.
 *
 *   WORD   [A-Za-z_][A-Za-z0-9_]*      NAME  # and word characters      VALUE  : and word characters
 *   NUMBER [0-9]+                      and the operators and punctuation of expression.h
 * A character of no token gives CC_TOKEN_BAD, which ends the list. */
#include "table/expression.h"

static bool word_start(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool word_part(uint8_t c) { return word_start(c) || digit(c); }
static bool white(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static cc_token_kind punctuation(uint8_t c) {
    switch (c) {
    case '=':
        return CC_TOKEN_EQ;
    case '+':
        return CC_TOKEN_PLUS;
    case '-':
        return CC_TOKEN_MINUS;
    case '(':
        return CC_TOKEN_OPEN;
    case ')':
        return CC_TOKEN_CLOSE;
    case '[':
        return CC_TOKEN_LIST;
    case ']':
        return CC_TOKEN_LIST_END;
    case '.':
        return CC_TOKEN_DOT;
    case ',':
        return CC_TOKEN_COMMA;
    default:
        return CC_TOKEN_BAD;
    }
}

/* One token at `at`, which is no white space and inside the text. */
static cc_token next_token(cc_bytes text, uint32_t at) {
    const uint8_t *c = text.data;
    uint32_t end = at + 1;
    if (word_start(c[at])) {
        while (end < text.size && word_part(c[end]))
            end++;
        return (cc_token){CC_TOKEN_WORD, at, end - at};
    }
    if (digit(c[at])) {
        while (end < text.size && digit(c[end]))
            end++;
        return (cc_token){CC_TOKEN_NUMBER, at, end - at};
    }
    if (c[at] == '#' || c[at] == ':') {
        while (end < text.size && word_part(c[end]))
            end++;
        cc_token_kind kind = end == at + 1 ? CC_TOKEN_BAD : c[at] == '#' ? CC_TOKEN_NAME : CC_TOKEN_VALUE;
        return (cc_token){kind, at, end - at};
    }
    uint8_t next = end < text.size ? c[end] : 0;
    if (c[at] == '<')
        return next == '='   ? (cc_token){CC_TOKEN_LE, at, 2}
               : next == '>' ? (cc_token){CC_TOKEN_NE, at, 2}
                             : (cc_token){CC_TOKEN_LT, at, 1};
    if (c[at] == '>')
        return next == '=' ? (cc_token){CC_TOKEN_GE, at, 2} : (cc_token){CC_TOKEN_GT, at, 1};
    return (cc_token){punctuation(c[at]), at, 1};
}

uint32_t cc_tokenize(cc_bytes text, cc_token *tokens_out) {
    uint32_t count = 0, at = 0, size = (uint32_t)text.size;
    while (true) {
        while (at < size && white(text.data[at]))
            at++;
        if (at == size) {
            tokens_out[count++] = (cc_token){CC_TOKEN_END, at, 0};
            return count;
        }
        cc_token token = next_token(text, at);
        while (token.kind == CC_TOKEN_BAD && token.start + token.size < size &&
               (text.data[token.start + token.size] & 0xc0) == 0x80)
            token.size++; /* a character whole */
        tokens_out[count++] = token;
        if (token.kind == CC_TOKEN_BAD)
            return count;
        at = token.start + token.size;
    }
}
