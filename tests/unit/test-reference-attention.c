/* LinearAttention of the reference backend, worked out by hand. */
#include "tests/support/reference-case.h"

#include <math.h>

/* Two tokens, keys of two numbers, values of one, one head: queries (1,2) (3,4), keys (1,0)
 * (1,1), values 2 3. */
static RefCase *
two_tokens (const char *rule, GonioTensor *past, GonioTensor *decay, GonioTensor *beta)
{
  RefCase *c = ref_case_new (GONIO_OP_LINEAR_ATTENTION);

  ref_case_in (c, TENSOR (FLOAT, "1 2 2", 1, 2, 3, 4));
  ref_case_in (c, TENSOR (FLOAT, "1 2 2", 1, 0, 1, 1));
  ref_case_in (c, TENSOR (FLOAT, "1 2 1", 2, 3));
  ref_case_in (c, past);
  ref_case_in (c, decay);
  ref_case_in (c, beta);
  ref_case_outputs (c, 2);
  ref_case_int (c, "q_num_heads", 1);
  ref_case_int (c, "kv_num_heads", 1);
  ref_case_float (c, "scale", 1);
  ref_case_string (c, "update_rule", rule);
  return c;
}

static void
test_rules (void)
{
  const double half = log (0.5);
  g_autoptr (RefCase) linear = two_tokens ("linear", NULL, NULL, NULL);
  g_autoptr (RefCase) going = two_tokens ("linear", TENSOR (FLOAT, "1 1 2 1", 1, 1), NULL, NULL);
  g_autoptr (RefCase) gated = two_tokens ("gated", NULL, TENSOR (FLOAT, "1 2 1", half, half), NULL);
  g_autoptr (RefCase) delta = two_tokens ("delta", NULL, NULL, TENSOR (FLOAT, "1 2 1", 0.5, 0.5));
  g_autoptr (RefCase) both =
      two_tokens ("gated_delta", NULL, TENSOR (FLOAT, "1 2 2", half, 0, half, 0),
                  TENSOR (FLOAT, "1 2 1", 1, 1));

  /* states (2,0) (5,3) */
  ASSERT_OUT (linear, 0, FLOAT, "1 2 1", 2, 27);
  ASSERT_OUT (linear, 1, FLOAT, "1 1 2 1", 5, 3);
  /* states (3,1) (6,4) */
  ASSERT_OUT (going, 0, FLOAT, "1 2 1", 5, 34);
  ASSERT_OUT (going, 1, FLOAT, "1 1 2 1", 6, 4);
  /* states (2,0) (1,0)+(3,3) */
  ASSERT_OUT (gated, 0, FLOAT, "1 2 1", 2, 24);
  ASSERT_OUT (gated, 1, FLOAT, "1 1 2 1", 4, 3);
  /* states (1,0), then half of 3 - 1 along (1,1) */
  ASSERT_OUT (delta, 0, FLOAT, "1 2 1", 1, 10);
  ASSERT_OUT (delta, 1, FLOAT, "1 1 2 1", 2, 1);
  /* states (2,0), (1,0) plus 3 - 1 along (1,1) */
  ASSERT_OUT (both, 0, FLOAT, "1 2 1", 2, 17);
  ASSERT_OUT (both, 1, FLOAT, "1 1 2 1", 3, 2);
}

/* Two query heads share each of two states; the scale is that of the key's size. */
static void
test_shared_heads (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_LINEAR_ATTENTION);

  ref_case_in (c, TENSOR (FLOAT16, "1 1 16", 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1));
  ref_case_in (c, TENSOR (FLOAT16, "1 1 8", 1, 2, 3, 4, 5, 6, 7, 8));
  ref_case_in (c, TENSOR (FLOAT16, "1 1 4", 2, 4, 6, 8));
  ref_case_outputs (c, 2);
  ref_case_int (c, "q_num_heads", 4);
  ref_case_int (c, "kv_num_heads", 2);
  ref_case_string (c, "update_rule", "linear");
  ASSERT_OUT (c, 0, FLOAT16, "1 1 8", 1, 2, 2, 4, 21, 28, 24, 32);
  ASSERT_OUT (c, 1, FLOAT16, "1 2 4 2", 2, 4, 4, 8, 6, 12, 8, 16, 30, 40, 36, 48, 42, 56, 48, 64);
}

static void
test_refuses (void)
{
  g_autoptr (RefCase) rule = two_tokens ("cubic", NULL, NULL, NULL);
  g_autoptr (RefCase) decay = two_tokens ("gated", NULL, NULL, NULL);
  g_autoptr (RefCase) wide = two_tokens ("gated", NULL, TENSOR (FLOAT, "1 2 1 1", 0, 0), NULL);
  g_autoptr (RefCase) beta = two_tokens ("delta", NULL, NULL, TENSOR (FLOAT, "1 1 1", 1));
  g_autoptr (RefCase) past = two_tokens ("linear", TENSOR (FLOAT, "2", 1, 1), NULL, NULL);
  g_autoptr (RefCase) heads = two_tokens ("linear", NULL, NULL, NULL);

  ASSERT_FAILS (rule, "cubic");
  ASSERT_FAILS (decay, "needs the input decay");
  ASSERT_FAILS (wide, "decay must be");
  ASSERT_FAILS (beta, "beta must be");
  ASSERT_FAILS (past, "past_state must be");
  ref_case_int (heads, "kv_num_heads", 3);
  ASSERT_FAILS (heads, "cannot share");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/linear-attention/rules", test_rules);
  g_test_add_func ("/reference/linear-attention/shared-heads", test_shared_heads);
  g_test_add_func ("/reference/linear-attention/refuses", test_refuses);
  return g_test_run ();
}
