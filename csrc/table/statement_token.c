/* statement_token.c: cuts a PartiQL statement into tokens, as the reference lexer does.
 *
 *   name      [A-Za-z_$][A-Za-z0-9_$]*      "quoted name", 'string': the quote doubled stands for itself
 *   number    digits[.digits][e[+-]digits] or .digits, without a sign; the exponent and the scale that
 *             follows from it fit 32 bits
 *   comments  -- to the end of the line, and between slash and star: white space */
#include "table/statement_tree.h"

static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool name_start(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
static bool white(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

typedef struct {
    const uint8_t *data;
    uint32_t size, at;
} reader;

static uint8_t look(const reader *self, uint32_t ahead) {
    return self->at + ahead < self->size ? self->data[self->at + ahead] : 0;
}

/* White space and comments; false: a comment without an end. */
static bool skip(reader *self) {
    while (self->at < self->size) {
        if (white(look(self, 0))) {
            self->at++;
        } else if (look(self, 0) == '-' && look(self, 1) == '-') {
            while (self->at < self->size && look(self, 0) != '\n' && look(self, 0) != '\r')
                self->at++;
        } else if (look(self, 0) == '/' && look(self, 1) == '*') {
            const uint8_t *from = self->data + self->at + 2;
            const uint8_t *end = memmem(from, self->size - self->at - 2, "*/", 2);
            if (end == NULL)
                return false;
            self->at = (uint32_t)(end - self->data) + 2;
        } else {
            return true;
        }
    }
    return true;
}

static uint32_t skip_digits(reader *self) {
    uint32_t from = self->at;
    while (digit(look(self, 0)))
        self->at++;
    return self->at - from;
}

static bool read_exponent(reader *self, uint32_t fraction) {
    bool negative = look(self, 1) == '-';
    self->at += look(self, 1) == '+' || negative ? 2 : 1;
    int64_t exponent = 0;
    uint32_t from = self->at;
    if (skip_digits(self) == 0)
        return false;
    for (; from < self->at && exponent <= (int64_t)UINT32_MAX; from++)
        exponent = exponent * 10 + (self->data[from] - '0');
    exponent = negative ? -exponent : exponent;
    int64_t scale = (int64_t)fraction - exponent;
    return exponent >= INT32_MIN && exponent <= INT32_MAX && scale >= INT32_MIN && scale <= INT32_MAX;
}

static bool read_number(reader *self) {
    uint32_t fraction = 0;
    skip_digits(self);
    if (look(self, 0) == '.') {
        self->at++;
        fraction = skip_digits(self);
    }
    if (look(self, 0) == 'e' || look(self, 0) == 'E')
        return read_exponent(self, fraction);
    return true;
}

static bool read_quoted(reader *self) {
    uint8_t quote = look(self, 0);
    for (self->at++; self->at < self->size; self->at++) {
        if (look(self, 0) != quote)
            continue;
        self->at++;
        if (look(self, 0) != quote || self->at == self->size)
            return true;
    }
    return false;
}

static cc_pq_kind single(uint8_t c) {
    static const struct {
        uint8_t character, kind;
    } kinds[] = {{'(', CC_PQ_OPEN},      {')', CC_PQ_CLOSE},   {'[', CC_PQ_LIST},      {']', CC_PQ_LIST_END},
                 {'{', CC_PQ_MAP},       {'}', CC_PQ_MAP_END}, {':', CC_PQ_COLON},     {',', CC_PQ_COMMA},
                 {'*', CC_PQ_STAR},      {'.', CC_PQ_DOT},     {';', CC_PQ_SEMICOLON}, {'+', CC_PQ_PLUS},
                 {'?', CC_PQ_PARAMETER}, {'-', CC_PQ_MINUS},   {'/', CC_PQ_DIVIDE},    {'%', CC_PQ_MODULO},
                 {'=', CC_PQ_EQ},        {'@', CC_PQ_AT},      {'<', CC_PQ_LT},        {'>', CC_PQ_GT}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].character == c)
            return (cc_pq_kind)kinds[i].kind;
    return CC_PQ_END;
}

/* Tokens of two characters; CC_PQ_END: none. */
static cc_pq_kind pair(uint8_t first, uint8_t second) {
    static const struct {
        char characters[3];
        uint8_t kind;
    } kinds[] = {{"<=", CC_PQ_LE},      {"<>", CC_PQ_NE}, {"<<", CC_PQ_BAG},   {">=", CC_PQ_GE},
                 {">>", CC_PQ_BAG_END}, {"!=", CC_PQ_NE}, {"||", CC_PQ_CONCAT}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].characters[0] == (char)first && kinds[i].characters[1] == (char)second)
            return (cc_pq_kind)kinds[i].kind;
    return CC_PQ_END;
}

/* One token that begins here. */
static bool read_token(reader *self, cc_pq_token *token) {
    uint8_t c = look(self, 0);
    uint32_t start = self->at;
    bool ends = true;
    if (name_start(c)) {
        while (name_start(look(self, 0)) || digit(look(self, 0)))
            self->at++;
        token->word = (uint8_t)cc_pq_word_of(cc_bytes_of(self->data + start, self->at - start));
        token->kind = token->word == CC_PW_NONE ? CC_PQ_NAME : CC_PQ_KEYWORD;
    } else if (digit(c) || (c == '.' && digit(look(self, 1)))) {
        token->kind = CC_PQ_NUMBER;
        ends = read_number(self);
    } else if (c == '\'' || c == '"') {
        token->kind = c == '"' ? CC_PQ_QUOTED : CC_PQ_STRING;
        ends = read_quoted(self);
    } else if (pair(c, look(self, 1)) != CC_PQ_END) {
        token->kind = (uint8_t)pair(c, look(self, 1));
        self->at += 2;
    } else {
        token->kind = (uint8_t)single(c);
        ends = token->kind != CC_PQ_END;
        self->at++;
    }
    token->start = start;
    token->size = self->at - start;
    return ends;
}

bool cc_pq_tokenize(cc_bytes text, cc_pq_token *tokens_out, uint32_t *count_out) {
    reader self = {text.data, (uint32_t)text.size, 0};
    uint32_t count = 0;
    while (skip(&self)) {
        cc_pq_token *token = &tokens_out[count++];
        *token = (cc_pq_token){.kind = CC_PQ_END, .start = self.at};
        *count_out = count;
        if (self.at == self.size)
            return true;
        if (!read_token(&self, token))
            return false;
    }
    return false;
}

static bool leads(uint8_t c) { return (c & 0xc0) != 0x80; } /* the first byte of a character */

cc_statement_place cc_pq_place(cc_bytes text, const cc_pq_token *token) {
    cc_statement_place place = {1, 1, 0};
    for (uint32_t i = 0; i < token->start; i++) {
        uint8_t c = text.data[i];
        if (c == '\n' || (c == '\r' && (i + 1 == text.size || text.data[i + 1] != '\n'))) {
            place.line++;
            place.column = 1;
        } else if (c != '\r' && leads(c)) {
            place.column++;
        }
    }
    for (uint32_t i = token->start; i < token->start + token->size; i++)
        place.length += leads(text.data[i]);
    return place;
}
