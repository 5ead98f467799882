#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

Test(buf, grows_and_stays_terminated)
{
    struct buf buf = BUF_INIT(1 << 20);
    for (int i = 0; i < 1000; i++) {
        buf_printf(&buf, "%d,", i);
    }
    cr_assert(!buf.failed);
    cr_assert_eq(buf.data[buf.size], '\0');
    cr_assert_eq(buf.size, 3890);
    buf_release(&buf);
    cr_assert_null(buf.data);
}

Test(buf, passing_the_maximum_fails_once_and_for_all)
{
    struct buf buf = BUF_INIT(4);
    buf_append_str(&buf, "abcd");
    cr_assert(!buf.failed);
    buf_append_byte(&buf, 'e');
    cr_assert(buf.failed);
    buf_append_byte(&buf, 'f');
    cr_assert_eq(buf.size, 4);
    buf_clear(&buf);
    cr_assert(!buf.failed);
    buf_release(&buf);
}

Test(buf, room_to_fill_is_appended_or_refused_whole)
{
    struct buf buf = BUF_INIT(6);
    buf_append_str(&buf, "ab");
    char *room = buf_extend(&buf, 4);
    cr_assert_not_null(room);
    memcpy(room, "cdef", 4);
    cr_assert_str_eq(buf.data, "abcdef");
    cr_assert_null(buf_extend(&buf, 1));
    cr_assert(buf.failed);
    cr_assert_eq(buf.size, 6);
    buf_release(&buf);
}

Test(buf, integers_sort_as_bytes)
{
    struct buf buf = BUF_INIT(64);
    buf_append_u16(&buf, 0x0102);
    buf_append_u64(&buf, 0x0102030405060708ULL);
    cr_assert_arr_eq(buf.data, "\1\2\1\2\3\4\5\6\7\10", 10);
    size_t size = 0;
    char *bytes = buf_detach(&buf, &size);
    cr_assert_eq(size, 10);
    free(bytes);
}
