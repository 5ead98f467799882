#include <criterion/criterion.h>

#include "coordinator/edge/admission.h"

static struct admission_levels levels(uint64_t running, uint64_t disk)
{
    return (struct admission_levels){.of = {[BOUND_RUNNING] = running, [BOUND_DISK] = disk}};
}

Test(admission, a_bound_closes_and_opens_apart)
{
    char why[ADMISSION_REASON_BYTES];
    struct admission admission = {.limits = {.of = {[BOUND_RUNNING] = 80}}};
    struct admission_levels below = levels(79, 0);
    struct admission_levels at = levels(80, 0);
    struct admission_levels less = levels(71, 0);
    struct admission_levels enough = levels(69, 0);
    cr_expect_not(admission_look(&admission, &below));
    cr_expect(admission_takes(&admission, false, why));
    cr_expect_str_eq(why, "");
    cr_expect(admission_look(&admission, &at));
    cr_expect(admission.closed);
    cr_expect_not(admission_takes(&admission, false, why));
    cr_expect_str_eq(why, "80 instances are under way, and 80 may");
    cr_expect_not(admission_look(&admission, &less), "it stays closed until an eighth is free");
    cr_expect(admission.closed);
    cr_expect(admission_look(&admission, &enough));
    cr_expect_not(admission.closed);
}

Test(admission, urgent_starts_go_an_eighth_above)
{
    char why[ADMISSION_REASON_BYTES];
    struct admission admission = {.limits = {.of = {[BOUND_RUNNING] = 80}}};
    struct admission_levels above = levels(89, 0);
    struct admission_levels far = levels(90, 0);
    (void)admission_look(&admission, &above);
    cr_expect_not(admission_takes(&admission, false, why));
    cr_expect(admission_takes(&admission, true, why));
    (void)admission_look(&admission, &far);
    cr_expect_not(admission_takes(&admission, true, why));
}

Test(admission, a_full_disk_refuses_urgent_starts_too)
{
    char why[ADMISSION_REASON_BYTES];
    struct admission admission = {.limits = {.of = {[BOUND_DISK] = 1}}};
    struct admission_levels full = levels(5, 4096);
    cr_expect(admission_look(&admission, &full));
    cr_expect_not(admission_takes(&admission, true, why));
    cr_expect_str_eq(why, "4096 bytes are missing to the disk space that is kept free");
    struct admission_levels room = levels(5, 0);
    cr_expect(admission_look(&admission, &room));
    cr_expect(admission_takes(&admission, false, why));
}

Test(admission, a_limit_of_0_is_none)
{
    char why[ADMISSION_REASON_BYTES];
    struct admission admission = {0};
    struct admission_levels many = levels(1000000, 1000000);
    cr_expect_not(admission_look(&admission, &many));
    cr_expect(admission_takes(&admission, true, why));
}
