/* statistics.c: what a group of rows, a stripe and the file say of a column's values.
 *
 * Readers leave groups and stripes out by them, so a bound is never inside of the values: a zero stands for both zeros,
 * texts longer than TEXT_MOST are cut and then told as bounds, and a NaN makes the sum one, which readers look for. */
#include "orc/internal.h"

enum { TEXT_MOST = 1024 };

/* ---- collecting ---- */

void cc_orc_count_integers(orc_statistics *into, const int64_t *values, size_t count) {
    if (count == 0)
        return;
    int64_t least = values[0], most = values[0];
    __int128 sum = 0;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
        sum += values[i];
    }
    into->least = !into->any || least < into->least ? least : into->least;
    into->most = !into->any || most > into->most ? most : into->most;
    into->sum += sum;
    into->any = true;
}

void cc_orc_count_reals(orc_statistics *into, const double *values, size_t count) {
    double sum = into->sum_real;
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        sum += value;
        if (value != value)
            continue;
        into->least_real = !into->any || value < into->least_real ? value : into->least_real;
        into->most_real = !into->any || value > into->most_real ? value : into->most_real;
        into->any = true;
    }
    into->sum_real = sum;
}

/* The first eight bytes as a number in the order of bytes. */
static inline uint64_t head_of(cc_bytes text) {
    uint64_t head = 0;
    if (text.size >= 8)
        head = cc_get_u64(text.data);
    else if (text.size != 0)
        memcpy(&head, text.data, text.size);
    return __builtin_bswap64(head);
}

static cc_status keep(cc_buffer *into, cc_bytes text) {
    if (text.data == into->data)
        return CC_OK;
    cc_buffer_clear(into);
    return cc_buffer_append(into, text.data, text.size);
}

cc_status cc_orc_count_texts(orc_statistics *into, const cc_bytes *texts, size_t count) {
    if (count == 0)
        return CC_OK;
    cc_bytes least = into->any ? cc_buffer_bytes(&into->least_text) : texts[0];
    cc_bytes most = into->any ? cc_buffer_bytes(&into->most_text) : texts[0];
    uint64_t head_least = head_of(least), head_most = head_of(most), size = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t head = head_of(texts[i]);
        size += texts[i].size;
        if (head <= head_least && (head < head_least || cc_bytes_compare(texts[i], least) < 0)) {
            least = texts[i];
            head_least = head;
        }
        if (head >= head_most && (head > head_most || cc_bytes_compare(texts[i], most) > 0)) {
            most = texts[i];
            head_most = head;
        }
    }
    into->sum += size;
    into->any = true;
    CC_TRY(keep(&into->least_text, least));
    return keep(&into->most_text, most);
}

cc_status cc_orc_statistics_merge(orc_statistics *into, const orc_statistics *from) {
    into->count += from->count;
    into->nulls = into->nulls || from->nulls;
    into->overflow = into->overflow || from->overflow;
    cc_orc_sum(into, from->sum);
    into->sum_real += from->sum_real;
    if (!from->any)
        return CC_OK;
    bool first = !into->any;
    into->least = first || from->least < into->least ? from->least : into->least;
    into->most = first || from->most > into->most ? from->most : into->most;
    into->least_real = first || from->least_real < into->least_real ? from->least_real : into->least_real;
    into->most_real = first || from->most_real > into->most_real ? from->most_real : into->most_real;
    into->any = true;
    cc_bytes least = cc_buffer_bytes(&from->least_text), most = cc_buffer_bytes(&from->most_text);
    if (first || cc_bytes_compare(least, cc_buffer_bytes(&into->least_text)) < 0)
        CC_TRY(keep(&into->least_text, least));
    if (first || cc_bytes_compare(most, cc_buffer_bytes(&into->most_text)) > 0)
        CC_TRY(keep(&into->most_text, most));
    return CC_OK;
}

void cc_orc_statistics_clear(orc_statistics *statistics) {
    cc_buffer least = statistics->least_text, most = statistics->most_text;
    *statistics = (orc_statistics){.least_text = least, .most_text = most};
    cc_buffer_clear(&statistics->least_text);
    cc_buffer_clear(&statistics->most_text);
}

void cc_orc_statistics_free(orc_statistics *statistics) {
    cc_buffer_free(&statistics->least_text);
    cc_buffer_free(&statistics->most_text);
}

/* ---- decimals as text ---- */

void cc_orc_decimal_text(__int128 digits, int scale, bool trim, char *text_out) {
    unsigned __int128 rest = digits < 0 ? -(unsigned __int128)digits : (unsigned __int128)digits;
    char reversed[48];
    int count = 0;
    for (; trim && scale > 0 && rest % 10 == 0; scale--)
        rest /= 10;
    for (int digit = 0; rest != 0 || digit <= scale; digit++, rest /= 10) {
        if (digit == scale && scale != 0)
            reversed[count++] = '.';
        reversed[count++] = (char)('0' + (int)(rest % 10));
    }
    if (digits < 0)
        *text_out++ = '-';
    while (count != 0)
        *text_out++ = reversed[--count];
    *text_out = '\0';
}

/* ---- writing ---- */

static void write_integers(const orc_statistics *of, cc_proto *proto) {
    if (of->any) {
        cc_proto_s64(proto, 1, (int64_t)of->least);
        cc_proto_s64(proto, 2, (int64_t)of->most);
    }
    if (of->sum >= INT64_MIN && of->sum <= INT64_MAX)
        cc_proto_s64(proto, 3, (int64_t)of->sum);
}

static void write_reals(const orc_statistics *of, cc_proto *proto) {
    if (of->any) {
        cc_proto_double(proto, 1, of->least_real == 0 ? -0.0 : of->least_real);
        cc_proto_double(proto, 2, of->most_real == 0 ? 0.0 : of->most_real);
    }
    cc_proto_double(proto, 3, of->sum_real);
}

static void write_decimals(const orc_statistics *of, int scale, cc_proto *proto) {
    char text[48];
    __int128 most = 1;
    for (int i = 0; i < 38; i++)
        most *= 10;
    if (of->any) {
        cc_orc_decimal_text(of->least, scale, false, text);
        cc_proto_bytes(proto, 1, cc_bytes_text(text));
        cc_orc_decimal_text(of->most, scale, false, text);
        cc_proto_bytes(proto, 2, cc_bytes_text(text));
    }
    if (of->overflow || of->sum >= most || of->sum <= -most)
        return;
    cc_orc_decimal_text(of->sum, scale, false, text);
    cc_proto_bytes(proto, 3, cc_bytes_text(text));
}

/* At most TEXT_MOST bytes, cut between two characters. */
static cc_bytes cut(cc_bytes text) {
    size_t size = TEXT_MOST;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    return cc_bytes_of(text.data, size);
}

/* A text that is no less than any that `text` begins, in its place: its last character that can be is one higher. False
 * where there is none. */
static bool raise_text(uint8_t *text, size_t *size) {
    while (*size > 0) {
        size_t last = *size - 1;
        while (last > 0 && (text[last] & 0xc0) == 0x80)
            last--;
        size_t end = *size - 1;
        if (text[end] < (last == end ? 0x7f : 0xbf)) { /* no surrogate: these differ in the byte before */
            text[end]++;
            return true;
        }
        *size = last;
    }
    return false;
}

static void write_texts(const orc_statistics *of, cc_proto *proto) {
    cc_bytes least = cc_buffer_bytes(&of->least_text), most = cc_buffer_bytes(&of->most_text);
    uint8_t raised[TEXT_MOST];
    if (of->any) {
        if (least.size > TEXT_MOST)
            cc_proto_bytes(proto, 4, cut(least));
        else
            cc_proto_bytes(proto, 1, least);
        size_t size = most.size > TEXT_MOST ? cut(most).size : 0;
        if (size != 0)
            memcpy(raised, most.data, size);
        if (size != 0 && raise_text(raised, &size))
            cc_proto_bytes(proto, 5, cc_bytes_of(raised, size));
        else
            cc_proto_bytes(proto, 2, most);
    }
    cc_proto_s64(proto, 3, (int64_t)of->sum);
}

static void write_times(const orc_statistics *of, int first, cc_proto *proto) {
    if (!of->any)
        return;
    cc_proto_s64(proto, first, (int64_t)of->least);
    cc_proto_s64(proto, first + 1, (int64_t)of->most);
}

static void write_lengths(const orc_statistics *of, cc_proto *proto) {
    if (of->any) {
        cc_proto_u64(proto, 1, (uint64_t)of->least);
        cc_proto_u64(proto, 2, (uint64_t)of->most);
    }
    cc_proto_u64(proto, 3, (uint64_t)of->sum);
}

/* The field of ColumnStatistics that a kind has; 0: none. */
static int field_of(orc_kind kind) {
    switch (kind) {
    case ORC_BOOLEAN:
        return 5;
    case ORC_BYTE:
    case ORC_SHORT:
    case ORC_INT:
    case ORC_LONG:
        return 2;
    case ORC_FLOAT:
    case ORC_DOUBLE:
        return 3;
    case ORC_STRING:
        return 4;
    case ORC_BINARY:
        return 8;
    case ORC_TIMESTAMP:
    case ORC_INSTANT:
        return 9;
    case ORC_DECIMAL:
        return 6;
    case ORC_DATE:
        return 7;
    case ORC_LIST:
    case ORC_MAP:
        return 12;
    case ORC_STRUCT:
        break;
    }
    return 0;
}

void cc_orc_statistics_write(const orc_statistics *of, const orc_column *column, cc_proto *proto) {
    int field = field_of(column->kind);
    cc_proto_u64(proto, 1, of->count);
    cc_proto_u64(proto, 10, of->nulls);
    if (field != 0)
        cc_proto_open(proto, field);
    switch (field) {
    case 2:
        write_integers(of, proto);
        break;
    case 3:
        write_reals(of, proto);
        break;
    case 4:
        write_texts(of, proto);
        break;
    case 5:
        cc_proto_open(proto, 1);
        cc_proto_packed(proto, (uint64_t)of->sum);
        cc_proto_end(proto);
        break;
    case 6:
        write_decimals(of, column->scale, proto);
        break;
    case 7:
        write_times(of, 1, proto);
        break;
    case 8:
        cc_proto_s64(proto, 1, (int64_t)of->sum);
        break;
    case 9:
        write_times(of, 3, proto);
        break;
    case 12:
        write_lengths(of, proto);
        break;
    default:
        break;
    }
    if (field != 0)
        cc_proto_end(proto);
}
