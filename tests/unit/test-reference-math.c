/* Matrix products, normalisations and reductions of the reference backend, hand-computed. */
#include "core/base/memory.h"
#include "tests/support/reference-case.h"

#include <math.h>

static RefCase *
with_inputs (GonioOpId op, GonioTensor *a, GonioTensor *b, GonioTensor *d)
{
  RefCase *c = ref_case_new (op);

  ref_case_in (c, a);
  if (b != NULL)
    ref_case_in (c, b);
  if (d != NULL)
    ref_case_in (c, d);
  return c;
}

/* ---- products ---- */

static void
test_matmul (void)
{
  g_autoptr (RefCase) plain = with_inputs (GONIO_OP_MATMUL, TENSOR (FLOAT, "2 2", 1, 2, 3, 4),
                                           TENSOR (FLOAT, "2 3", 1, 0, 2, 0, 1, 3), NULL);
  g_autoptr (RefCase) vectors = with_inputs (GONIO_OP_MATMUL, TENSOR (FLOAT, "3", 1, 2, 3),
                                             TENSOR (FLOAT, "3", 4, 5, 6), NULL);
  /* batch 2 x 1 against 3: six products */
  g_autoptr (RefCase) batch = with_inputs (GONIO_OP_MATMUL, TENSOR (DOUBLE, "2 1 1 1", 2, 3),
                                           TENSOR (DOUBLE, "3 1 1", 10, 20, 30), NULL);
  g_autoptr (RefCase) wide =
      with_inputs (GONIO_OP_MATMUL, TENSOR_I64 (INT64, "1 2", (1LL << 53) + 1, 1),
                   TENSOR_I64 (INT64, "2 1", 1, 1), NULL);
  g_autoptr (RefCase) empty =
      with_inputs (GONIO_OP_MATMUL, TENSOR_EMPTY (FLOAT, "2 0"), TENSOR_EMPTY (FLOAT, "0 2"), NULL);
  g_autoptr (RefCase) wrong = with_inputs (GONIO_OP_MATMUL, TENSOR (FLOAT, "1 2", 1, 2),
                                           TENSOR (FLOAT, "3 1", 1, 2, 3), NULL);

  ASSERT_OUT (plain, 0, FLOAT, "2 3", 1, 2, 8, 3, 4, 18);
  ASSERT_OUT (vectors, 0, FLOAT, "", 32);
  ASSERT_OUT (batch, 0, DOUBLE, "2 3 1 1", 20, 40, 60, 30, 60, 90);
  ASSERT_OUT_I64 (wide, 0, INT64, "1 1", (1LL << 53) + 2);
  ASSERT_OUT (empty, 0, FLOAT, "2 2", 0, 0, 0, 0);
  ASSERT_FAILS (wrong, "[1,2] and [3,1]");
}

static void
test_gemm (void)
{
  g_autoptr (RefCase) c =
      with_inputs (GONIO_OP_GEMM, TENSOR (FLOAT, "2 1", 1, 2),
                   TENSOR (FLOAT, "3 2", 1, 2, 3, 4, 5, 6), TENSOR (FLOAT, "3", 10, 20, 30));
  g_autoptr (RefCase) whole = with_inputs (GONIO_OP_GEMM, TENSOR_I64 (INT32, "1 1", 3),
                                           TENSOR_I64 (INT32, "1 1", 4), TENSOR_I64 (INT32, "", 5));
  g_autoptr (RefCase) part =
      with_inputs (GONIO_OP_GEMM, TENSOR_I64 (INT32, "1 1", 3), TENSOR_I64 (INT32, "1 1", 4), NULL);

  ref_case_int (c, "transA", 1);
  ref_case_int (c, "transB", 1);
  ref_case_float (c, "alpha", 2);
  ref_case_float (c, "beta", 0.5f);
  ASSERT_OUT (c, 0, FLOAT, "1 3", 15, 32, 49);
  ASSERT_OUT_I64 (whole, 0, INT32, "1 1", 17);
  ref_case_float (part, "alpha", 0.5f);
  ASSERT_FAILS (part, "whole numbers");
}

static void
test_einsum (void)
{
  static const struct {
    const char *equation, *shape;
    guint n;
    double expected[6];
  } cases[] = {
      {"ij,jk->ik", "2 1", 2, {14, 32}},     {"ij,jk", "2 1", 2, {14, 32}},
      {"ij, jk -> k", "1", 1, {46}},         {"ij,jk->ji", "3 2", 6, {1, 4, 4, 10, 9, 18}},
      {"...j,jk->k...", "1 2", 2, {14, 32}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c = with_inputs (GONIO_OP_EINSUM, TENSOR (FLOAT, "2 3", 1, 2, 3, 4, 5, 6),
                                         TENSOR (FLOAT, "3 1", 1, 2, 3), NULL);

    ref_case_string (c, "equation", cases[i].equation);
    ref_assert_out (c, 0,
                    ref_tensor (GONIO_DTYPE_FLOAT, cases[i].shape, cases[i].n, cases[i].expected),
                    cases[i].equation);
  }
  {
    g_autoptr (RefCase) trace =
        with_inputs (GONIO_OP_EINSUM, TENSOR (FLOAT, "2 2", 1, 2, 3, 4), NULL, NULL);

    ref_case_string (trace, "equation", "ii");
    ASSERT_OUT (trace, 0, FLOAT, "", 5);
  }
}

static void
test_einsum_refuses (void)
{
  static const char *const wrong[] = {"ij->ij",    "ij,jk->z",    "i1,jk->i", "ij,ik->j", "i,jk->i",
                                      "ij,jk->ii", "ij,jk->i..j", "->",       ""};

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (RefCase) c = with_inputs (GONIO_OP_EINSUM, TENSOR (FLOAT, "2 3", 1, 2, 3, 4, 5, 6),
                                         TENSOR (FLOAT, "3 1", 1, 2, 3), NULL);

    ref_case_string (c, "equation", wrong[i]);
    g_assert_false (ref_case_run (c));
    g_assert_nonnull (c->error);
  }
}

static void
test_det (void)
{
  g_autoptr (RefCase) c = with_inputs (
      GONIO_OP_DET, TENSOR (FLOAT, "3 2 2", 1, 2, 3, 4, 0, 2, 3, 4, 1, 2, 2, 4), NULL, NULL);

  ASSERT_OUT (c, 0, FLOAT, "3", -2, -6, 0);
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (20 * 1000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* A matrix that takes a second or more, stopped in the middle of its elimination. */
static void
test_det_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_DET);
  GonioShape shape = GONIO_SHAPE (2000, 2000);
  GonioTensor *x = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  float *data = gonio_tensor_writable_data (x);
  GonioWork work;

  for (int64_t i = 0; i < gonio_tensor_count (x); i++)
    data[i] = (float)(i * 7919 % 1009) / 1009 - 0.5f;
  ref_case_in (c, x);
  GThread *thread = g_thread_new ("cancel", cancel_soon, cancellable);
  gonio_work_begin (&work, NULL, 0, cancellable);
  g_assert_false (ref_case_run (c));
  gonio_work_end (&work);
  g_thread_join (thread);
  g_assert_error (c->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (c->outputs[0]);
}

/* ---- normalisations ---- */

static void
test_softmax (void)
{
  g_autoptr (RefCase) rows =
      with_inputs (GONIO_OP_SOFTMAX, TENSOR (FLOAT, "2 2", 1000, 1000, 0, log (3)), NULL, NULL);
  g_autoptr (RefCase) columns =
      with_inputs (GONIO_OP_SOFTMAX, TENSOR (FLOAT, "2 2", 0, 0, 0, log (3)), NULL, NULL);
  g_autoptr (RefCase) logs =
      with_inputs (GONIO_OP_LOG_SOFTMAX, TENSOR (FLOAT, "2", 0, log (3)), NULL, NULL);
  g_autoptr (RefCase) hard =
      with_inputs (GONIO_OP_HARDMAX, TENSOR (FLOAT, "2 3", 1, 3, 3, 2, 1, 0), NULL, NULL);

  ASSERT_OUT (rows, 0, FLOAT, "2 2", 0.5, 0.5, 0.25, 0.75);
  ref_case_int (columns, "axis", 0);
  ASSERT_OUT (columns, 0, FLOAT, "2 2", 0.5, 0.25, 0.5, 0.75);
  ASSERT_OUT (logs, 0, FLOAT, "2", log (0.25), log (0.75));
  ASSERT_OUT (hard, 0, FLOAT, "2 3", 0, 1, 0, 1, 0, 0);
}

static void
test_layer_norm (void)
{
  g_autoptr (RefCase) c =
      with_inputs (GONIO_OP_LAYER_NORMALIZATION, TENSOR (FLOAT, "2 2", 1, 3, 10, 30),
                   TENSOR (FLOAT, "2", 1, 2), TENSOR (FLOAT, "2", 0, 5));
  g_autoptr (RefCase) rms = with_inputs (GONIO_OP_RMS_NORMALIZATION, TENSOR (FLOAT, "2", 3, 4),
                                         TENSOR (FLOAT, "2", 1, 1), NULL);

  ref_case_outputs (c, 3);
  ref_case_float (c, "epsilon", 0);
  ASSERT_OUT (c, 0, FLOAT, "2 2", -1, 7, -1, 7);
  ASSERT_OUT (c, 1, FLOAT, "2 1", 2, 20);
  ASSERT_OUT (c, 2, FLOAT, "2 1", 1, 0.1);
  ref_case_float (rms, "epsilon", 0);
  ASSERT_OUT (rms, 0, FLOAT, "2", 3 / sqrt (12.5), 4 / sqrt (12.5));
}

static void
test_group_and_instance_norm (void)
{
  g_autoptr (RefCase) group =
      with_inputs (GONIO_OP_GROUP_NORMALIZATION, TENSOR (FLOAT, "1 4 1", 1, 3, 10, 30),
                   TENSOR (FLOAT, "4", 1, 1, 2, 2), TENSOR (FLOAT, "4", 0, 0, 0, 1));
  g_autoptr (RefCase) instance =
      with_inputs (GONIO_OP_INSTANCE_NORMALIZATION, TENSOR (FLOAT, "1 2 2", 1, 3, 10, 30),
                   TENSOR (FLOAT, "2", 1, 10), TENSOR (FLOAT, "2", 0, 1));
  g_autoptr (RefCase) wrong =
      with_inputs (GONIO_OP_GROUP_NORMALIZATION, TENSOR (FLOAT, "1 4 1", 1, 3, 10, 30),
                   TENSOR (FLOAT, "4", 1, 1, 2, 2), TENSOR (FLOAT, "4", 0, 0, 0, 1));

  ref_case_int (group, "num_groups", 2);
  ref_case_float (group, "epsilon", 0);
  ASSERT_OUT (group, 0, FLOAT, "1 4 1", -1, 1, -2, 3);
  ref_case_float (instance, "epsilon", 0);
  ASSERT_OUT (instance, 0, FLOAT, "1 2 2", -1, 1, -9, 11);
  ref_case_int (wrong, "num_groups", 3);
  ASSERT_FAILS (wrong, "groups");
}

static void
test_batch_norm (void)
{
  for (int training = 0; training < 2; training++) {
    g_autoptr (RefCase) c = ref_case_new (GONIO_OP_BATCH_NORMALIZATION);

    ref_case_in (c, TENSOR (FLOAT, "2 1 1", 1, 3));
    ref_case_in (c, TENSOR (FLOAT, "1", 2));
    ref_case_in (c, TENSOR (FLOAT, "1", 1));
    ref_case_in (c, TENSOR (FLOAT, "1", 5));
    ref_case_in (c, TENSOR (FLOAT, "1", 4));
    ref_case_outputs (c, training ? 3 : 1);
    ref_case_float (c, "epsilon", 0);
    ref_case_int (c, "training_mode", training);
    ref_case_float (c, "momentum", 0.75f);
    if (training) {
      ASSERT_OUT (c, 0, FLOAT, "2 1 1", -1, 3);
      ASSERT_OUT (c, 1, FLOAT, "1", 4.25);
      ASSERT_OUT (c, 2, FLOAT, "1", 3.25);
    } else {
      ASSERT_OUT (c, 0, FLOAT, "2 1 1", -3, -1);
    }
  }
}

static void
test_lrn_and_lp (void)
{
  g_autoptr (RefCase) lrn =
      with_inputs (GONIO_OP_LRN, TENSOR (FLOAT, "1 3 1", 1, 2, 3), NULL, NULL);
  g_autoptr (RefCase) lp =
      with_inputs (GONIO_OP_LP_NORMALIZATION, TENSOR (FLOAT, "2 2", 3, -4, 0, 0), NULL, NULL);

  ref_case_int (lrn, "size", 2);
  ref_case_float (lrn, "alpha", 2);
  ref_case_float (lrn, "beta", 1);
  /* a size of 2 looks at the channel itself and the next one */
  ASSERT_OUT (lrn, 0, FLOAT, "1 3 1", 1.0 / 6, 2.0 / 14, 3.0 / 10);
  ASSERT_OUT (lp, 0, FLOAT, "2 2", 0.6, -0.8, 0, 0);
}

/* ---- reductions ---- */

#define X_234 ref_tensor_count_up (GONIO_DTYPE_FLOAT, "2 3 4")

static void
test_reduce_axes (void)
{
  g_autoptr (RefCase) middle =
      with_inputs (GONIO_OP_REDUCE_SUM, X_234, TENSOR_I64 (INT64, "1", 1), NULL);
  g_autoptr (RefCase) outer =
      with_inputs (GONIO_OP_REDUCE_MEAN, X_234, TENSOR_I64 (INT64, "2", 0, -1), NULL);
  g_autoptr (RefCase) all = with_inputs (GONIO_OP_REDUCE_MAX, X_234, NULL, NULL);
  g_autoptr (RefCase) none =
      with_inputs (GONIO_OP_REDUCE_SUM, TENSOR (FLOAT, "2", 1, 2), TENSOR_EMPTY (INT64, "0"), NULL);
  g_autoptr (RefCase) twice =
      with_inputs (GONIO_OP_REDUCE_SUM, X_234, TENSOR_I64 (INT64, "2", 1, -2), NULL);
  g_autoptr (RefCase) far =
      with_inputs (GONIO_OP_REDUCE_SUM, X_234, TENSOR_I64 (INT64, "1", 3), NULL);

  ref_case_int (middle, "keepdims", 0);
  ASSERT_OUT (middle, 0, FLOAT, "2 4", 12, 15, 18, 21, 48, 51, 54, 57);
  ASSERT_OUT (outer, 0, FLOAT, "1 3 1", 7.5, 11.5, 15.5);
  ref_case_int (all, "keepdims", 0);
  ASSERT_OUT (all, 0, FLOAT, "", 23);
  ref_case_int (none, "noop_with_empty_axes", 1);
  ASSERT_OUT (none, 0, FLOAT, "2", 1, 2);
  ASSERT_FAILS (twice, "twice");
  ASSERT_FAILS (far, "axis 3");
}

static void
test_reduce_kinds (void)
{
  static const struct {
    GonioOpId op;
    double expected;
  } cases[] = {
      {GONIO_OP_REDUCE_L1, 6},
      {GONIO_OP_REDUCE_L2, 3.7416573867739413},
      {GONIO_OP_REDUCE_MIN, -2},
      {GONIO_OP_REDUCE_PROD, -6},
      {GONIO_OP_REDUCE_SUM_SQUARE, 14},
      {GONIO_OP_REDUCE_LOG_SUM, 0.6931471805599453},
      {GONIO_OP_REDUCE_LOG_SUM_EXP, 3.1328452337},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c = with_inputs (cases[i].op, TENSOR (FLOAT, "3", 1, -2, 3), NULL, NULL);

    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "1", 1, &cases[i].expected), REF_HERE);
  }
}

static void
test_reduce_integers_and_empty (void)
{
  g_autoptr (RefCase) wide =
      with_inputs (GONIO_OP_REDUCE_SUM, TENSOR_I64 (INT64, "2", (1LL << 60) + 1, 2), NULL, NULL);
  g_autoptr (RefCase) big =
      with_inputs (GONIO_OP_REDUCE_LOG_SUM_EXP, TENSOR (FLOAT, "2", 1000, -INFINITY), NULL, NULL);
  g_autoptr (RefCase) least = with_inputs (GONIO_OP_REDUCE_MAX, TENSOR_EMPTY (INT8, "2 0"),
                                           TENSOR_I64 (INT64, "1", 1), NULL);
  g_autoptr (RefCase) one = with_inputs (GONIO_OP_REDUCE_PROD, TENSOR_EMPTY (FLOAT, "2 0"),
                                         TENSOR_I64 (INT64, "1", 1), NULL);
  g_autoptr (RefCase) infinite =
      with_inputs (GONIO_OP_REDUCE_MIN, TENSOR_EMPTY (FLOAT, "0"), NULL, NULL);

  ASSERT_OUT_I64 (wide, 0, INT64, "1", (1LL << 60) + 3);
  ASSERT_OUT (big, 0, FLOAT, "1", 1000);
  ASSERT_OUT_I64 (least, 0, INT8, "2 1", -128, -128);
  ASSERT_OUT (one, 0, FLOAT, "2 1", 1, 1);
  ASSERT_OUT (infinite, 0, FLOAT, "1", INFINITY);
}

/* Sums in double: a million times 0.1f does not drift. */
static void
test_reduce_precision (void)
{
  enum { N = 1000000 };
  g_autofree double *values = g_new (double, N);
  g_autoptr (RefCase) c = NULL;

  for (int i = 0; i < N; i++)
    values[i] = 0.1;
  c = with_inputs (GONIO_OP_REDUCE_SUM, ref_tensor (GONIO_DTYPE_FLOAT, "1000 1000", N, values),
                   NULL, NULL);
  g_assert_true (ref_case_run (c));
  g_assert_cmpfloat (gonio_tensor_get_double (c->outputs[0], 0), ==, (float)(N * (double)0.1f));
}

static void
test_arg_and_top_k (void)
{
  g_autoptr (RefCase) first =
      with_inputs (GONIO_OP_ARG_MAX, TENSOR (FLOAT, "2 3", 1, 3, 3, 5, 2, 5), NULL, NULL);
  g_autoptr (RefCase) last =
      with_inputs (GONIO_OP_ARG_MAX, TENSOR (FLOAT, "2 3", 1, 3, 3, 5, 2, 5), NULL, NULL);
  g_autoptr (RefCase) least =
      with_inputs (GONIO_OP_ARG_MIN, TENSOR_I64 (UINT64, "3", -1, 3, 4), NULL, NULL);
  g_autoptr (RefCase) top = with_inputs (GONIO_OP_TOP_K, TENSOR (FLOAT, "2 3", 1, 3, 3, 5, 2, NAN),
                                         TENSOR_I64 (INT64, "1", 2), NULL);
  g_autoptr (RefCase) many =
      with_inputs (GONIO_OP_TOP_K, TENSOR (FLOAT, "2", 1, 3), TENSOR_I64 (INT64, "1", 3), NULL);
  g_autoptr (RefCase) nothing =
      with_inputs (GONIO_OP_ARG_MAX, TENSOR_EMPTY (FLOAT, "0"), NULL, NULL);

  ref_case_int (first, "axis", 1);
  ASSERT_OUT (first, 0, INT64, "2 1", 1, 0);
  ref_case_int (last, "axis", -1);
  ref_case_int (last, "select_last_index", 1);
  ref_case_int (last, "keepdims", 0);
  ASSERT_OUT (last, 0, INT64, "2", 2, 2);
  ASSERT_OUT (least, 0, INT64, "1", 1);
  ref_case_outputs (top, 2);
  ASSERT_OUT (top, 0, FLOAT, "2 2", 3, 3, NAN, 5);
  ASSERT_OUT (top, 1, INT64, "2 2", 1, 2, 2, 0);
  ASSERT_FAILS (many, "K is 3");
  ASSERT_FAILS (nothing, "empty");
}

static void
test_cumulate (void)
{
  static const double expected[4][3] = {{1, 3, 6}, {0, 1, 3}, {6, 5, 3}, {5, 3, 0}};

  for (int i = 0; i < 4; i++) {
    g_autoptr (RefCase) c = with_inputs (GONIO_OP_CUM_SUM, TENSOR (FLOAT, "3", 1, 2, 3),
                                         TENSOR_I64 (INT64, "", 0), NULL);

    ref_case_int (c, "exclusive", i & 1);
    ref_case_int (c, "reverse", i >> 1);
    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "3", 3, expected[i]), REF_HERE);
  }
  {
    g_autoptr (RefCase) c = with_inputs (GONIO_OP_CUM_PROD, TENSOR_I64 (INT32, "2 2", 2, 3, 4, 5),
                                         TENSOR_I64 (INT32, "", -2), NULL);

    ASSERT_OUT_I64 (c, 0, INT32, "2 2", 2, 3, 8, 15);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/matmul/matmul", test_matmul);
  g_test_add_func ("/reference/matmul/gemm", test_gemm);
  g_test_add_func ("/reference/matmul/einsum", test_einsum);
  g_test_add_func ("/reference/matmul/einsum-refuses", test_einsum_refuses);
  g_test_add_func ("/reference/matmul/det", test_det);
  g_test_add_func ("/reference/matmul/det-cancelled", test_det_cancelled);
  g_test_add_func ("/reference/norm/softmax", test_softmax);
  g_test_add_func ("/reference/norm/layer", test_layer_norm);
  g_test_add_func ("/reference/norm/group-instance", test_group_and_instance_norm);
  g_test_add_func ("/reference/norm/batch", test_batch_norm);
  g_test_add_func ("/reference/norm/lrn-lp", test_lrn_and_lp);
  g_test_add_func ("/reference/reduce/axes", test_reduce_axes);
  g_test_add_func ("/reference/reduce/kinds", test_reduce_kinds);
  g_test_add_func ("/reference/reduce/integers-empty", test_reduce_integers_and_empty);
  g_test_add_func ("/reference/reduce/precision", test_reduce_precision);
  g_test_add_func ("/reference/reduce/arg-top-k", test_arg_and_top_k);
  g_test_add_func ("/reference/reduce/cumulate", test_cumulate);
  return g_test_run ();
}
