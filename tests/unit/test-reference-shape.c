/* Data movement, shape arithmetic, gathering, scattering and selecting in the reference
 * backend, hand-computed. */
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

#define COUNT(shape) ref_tensor_count_up (GONIO_DTYPE_FLOAT, shape)
#define I64(...)     TENSOR_I64 (INT64, __VA_ARGS__)

static void
test_reshape (void)
{
  g_autoptr (RefCase) infer = with_inputs (GONIO_OP_RESHAPE, COUNT ("2 3"), I64 ("2", -1, 2), NULL);
  g_autoptr (RefCase) copies =
      with_inputs (GONIO_OP_RESHAPE, COUNT ("2 3"), I64 ("3", 0, 1, 3), NULL);
  g_autoptr (RefCase) zero =
      with_inputs (GONIO_OP_RESHAPE, TENSOR_EMPTY (FLOAT, "0 3"), I64 ("2", 3, 0), NULL);
  g_autoptr (RefCase) scalar =
      with_inputs (GONIO_OP_RESHAPE, TENSOR (FLOAT, "1", 7), TENSOR_EMPTY (INT64, "0"), NULL);
  static const int64_t wrong[][2] = {{-1, -1}, {4, 2}, {-2, 3}, {5, -1}, {G_MAXINT64, 2}};

  ASSERT_OUT (infer, 0, FLOAT, "3 2", 0, 1, 2, 3, 4, 5);
  ASSERT_OUT (copies, 0, FLOAT, "2 1 3", 0, 1, 2, 3, 4, 5);
  ref_case_int (zero, "allowzero", 1);
  ASSERT_OUT_EMPTY (zero, 0, FLOAT, "3 0");
  ASSERT_OUT (scalar, 0, FLOAT, "", 7);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (RefCase) c =
        with_inputs (GONIO_OP_RESHAPE, COUNT ("2 3"),
                     ref_tensor_i64 (GONIO_DTYPE_INT64, "2", 2, wrong[i]), NULL);

    g_assert_false (ref_case_run (c));
  }
}

static void
test_squeeze (void)
{
  g_autoptr (RefCase) all = with_inputs (GONIO_OP_SQUEEZE, COUNT ("1 2 1"), NULL, NULL);
  g_autoptr (RefCase) one = with_inputs (GONIO_OP_SQUEEZE, COUNT ("1 2 1"), I64 ("1", -1), NULL);
  g_autoptr (RefCase) wrong = with_inputs (GONIO_OP_SQUEEZE, COUNT ("1 2 1"), I64 ("1", 1), NULL);
  g_autoptr (RefCase) grow = with_inputs (GONIO_OP_UNSQUEEZE, COUNT ("2"), I64 ("2", 0, -1), NULL);
  g_autoptr (RefCase) far = with_inputs (GONIO_OP_UNSQUEEZE, COUNT ("2"), I64 ("1", 5), NULL);

  ASSERT_OUT (all, 0, FLOAT, "2", 0, 1);
  ASSERT_OUT (one, 0, FLOAT, "1 2", 0, 1);
  ASSERT_FAILS (wrong, "axis 1 has 2 elements");
  ASSERT_OUT (grow, 0, FLOAT, "1 2 1", 0, 1);
  ASSERT_FAILS (far, "axis 5");
}

static void
test_shape_size_flatten (void)
{
  g_autoptr (RefCase) shape = with_inputs (GONIO_OP_SHAPE, COUNT ("2 3 4"), NULL, NULL);
  g_autoptr (RefCase) size = with_inputs (GONIO_OP_SIZE, COUNT ("2 3 4"), NULL, NULL);
  g_autoptr (RefCase) flat = with_inputs (GONIO_OP_FLATTEN, COUNT ("2 3 1"), NULL, NULL);

  ref_case_int (shape, "start", -2);
  ref_case_int (shape, "end", 99);
  ASSERT_OUT_I64 (shape, 0, INT64, "2", 3, 4);
  ASSERT_OUT_I64 (size, 0, INT64, "", 24);
  ref_case_int (flat, "axis", 0);
  ASSERT_OUT (flat, 0, FLOAT, "1 6", 0, 1, 2, 3, 4, 5);
}

static void
test_range (void)
{
  g_autoptr (RefCase) down = with_inputs (GONIO_OP_RANGE, I64 ("", 10), I64 ("", 3), I64 ("", -3));
  g_autoptr (RefCase) real = with_inputs (GONIO_OP_RANGE, TENSOR (FLOAT, "", 0),
                                          TENSOR (FLOAT, "", 1), TENSOR (FLOAT, "", 0.4));
  g_autoptr (RefCase) empty = with_inputs (GONIO_OP_RANGE, I64 ("", 3), I64 ("", 3), I64 ("", 1));
  g_autoptr (RefCase) still = with_inputs (GONIO_OP_RANGE, I64 ("", 3), I64 ("", 9), I64 ("", 0));
  g_autoptr (RefCase) endless =
      with_inputs (GONIO_OP_RANGE, I64 ("", G_MININT64), I64 ("", G_MAXINT64), I64 ("", 1));
  g_autoptr (RefCase) number = with_inputs (GONIO_OP_RANGE, TENSOR (FLOAT, "", 0),
                                            TENSOR (FLOAT, "", NAN), TENSOR (FLOAT, "", 1));

  ASSERT_OUT_I64 (down, 0, INT64, "3", 10, 7, 4);
  ASSERT_OUT (real, 0, FLOAT, "3", 0, 0.4, 0.8);
  ASSERT_OUT_EMPTY (empty, 0, INT64, "0");
  ASSERT_FAILS (still, "delta is 0");
  ASSERT_FAILS (endless, "limit");
  ASSERT_FAILS (number, "no end");
}

static void
test_constant_of_shape_and_eye (void)
{
  g_autoptr (RefCase) zeros = with_inputs (GONIO_OP_CONSTANT_OF_SHAPE, I64 ("2", 1, 2), NULL, NULL);
  g_autoptr (RefCase) huge =
      with_inputs (GONIO_OP_CONSTANT_OF_SHAPE, I64 ("2", 1LL << 40, 1LL << 40), NULL, NULL);
  g_autoptr (RefCase) negative =
      with_inputs (GONIO_OP_CONSTANT_OF_SHAPE, I64 ("1", -1), NULL, NULL);
  g_autoptr (RefCase) eye = with_inputs (GONIO_OP_EYE_LIKE, COUNT ("2 3"), NULL, NULL);
  g_autoptr (RefCase) far = with_inputs (GONIO_OP_EYE_LIKE, COUNT ("2 2"), NULL, NULL);

  ASSERT_OUT (zeros, 0, FLOAT, "1 2", 0, 0);
  ASSERT_FAILS (huge, "too many");
  ASSERT_FAILS (negative, "impossible");
  ref_case_int (eye, "k", 1);
  ref_case_int (eye, "dtype", GONIO_DTYPE_INT32);
  ASSERT_OUT_I64 (eye, 0, INT32, "2 3", 0, 1, 0, 0, 0, 1);
  ref_case_int (far, "k", G_MININT64);
  ASSERT_OUT (far, 0, FLOAT, "2 2", 0, 0, 0, 0);
}

static void
test_concat_split (void)
{
  g_autoptr (RefCase) join =
      with_inputs (GONIO_OP_CONCAT, COUNT ("2 1"), COUNT ("2 2"), TENSOR_EMPTY (FLOAT, "2 0"));
  g_autoptr (RefCase) text =
      with_inputs (GONIO_OP_CONCAT, TENSOR_TEXT ("1", "a"), TENSOR_TEXT ("2", "b", "c"), NULL);
  g_autoptr (RefCase) parts = with_inputs (GONIO_OP_SPLIT, COUNT ("5"), NULL, NULL);
  g_autoptr (RefCase) sizes = with_inputs (GONIO_OP_SPLIT, COUNT ("2 3"), I64 ("2", 1, 2), NULL);
  g_autoptr (RefCase) wrong = with_inputs (GONIO_OP_SPLIT, COUNT ("5"), I64 ("2", 6, -1), NULL);

  ref_case_int (join, "axis", -1);
  ASSERT_OUT (join, 0, FLOAT, "2 3", 0, 0, 1, 1, 2, 3);
  ref_case_int (text, "axis", 0);
  ASSERT_OUT_TEXT (text, 0, "3", "a", "b", "c");
  ref_case_outputs (parts, 4);
  ASSERT_OUT (parts, 0, FLOAT, "2", 0, 1);
  ASSERT_OUT (parts, 2, FLOAT, "1", 4);
  ASSERT_OUT_EMPTY (parts, 3, FLOAT, "0");
  ref_case_outputs (sizes, 2);
  ref_case_int (sizes, "axis", 1);
  ASSERT_OUT (sizes, 0, FLOAT, "2 1", 0, 3);
  ASSERT_OUT (sizes, 1, FLOAT, "2 2", 1, 2, 4, 5);
  ref_case_outputs (wrong, 2);
  ASSERT_FAILS (wrong, "size 6");
}

static RefCase *
slice (GonioTensor *x, int64_t start, int64_t end, int64_t step)
{
  RefCase *c = ref_case_new (GONIO_OP_SLICE);

  ref_case_in (c, x);
  ref_case_in (c, I64 ("1", start));
  ref_case_in (c, I64 ("1", end));
  ref_case_in (c, I64 ("1", -1));
  ref_case_in (c, I64 ("1", step));
  return c;
}

static void
test_slice (void)
{
  g_autoptr (RefCase) plain = slice (COUNT ("2 4"), 1, 3, 1);
  g_autoptr (RefCase) back = slice (COUNT ("5"), G_MAXINT64, G_MININT64, -2);
  g_autoptr (RefCase) past = slice (COUNT ("5"), 3, G_MAXINT64, G_MAXINT64);
  g_autoptr (RefCase) least = slice (COUNT ("5"), -1, -6, G_MININT64);
  g_autoptr (RefCase) none = slice (COUNT ("5"), 4, 2, 1);
  g_autoptr (RefCase) zero = slice (COUNT ("5"), 0, 2, 0);
  g_autoptr (RefCase) empty = slice (TENSOR_EMPTY (FLOAT, "0"), 0, -1, -1);

  ASSERT_OUT (plain, 0, FLOAT, "2 2", 1, 2, 5, 6);
  ASSERT_OUT (back, 0, FLOAT, "3", 4, 2, 0);
  ASSERT_OUT (past, 0, FLOAT, "1", 3);
  ASSERT_OUT (least, 0, FLOAT, "1", 4);
  ASSERT_OUT_EMPTY (none, 0, FLOAT, "0");
  ASSERT_FAILS (zero, "step is 0");
  ASSERT_OUT_EMPTY (empty, 0, FLOAT, "0");
  for (int64_t start = -2; start <= 1; start++) { /* nothing, wherever it starts */
    g_autoptr (RefCase) nothing = slice (TENSOR_EMPTY (FLOAT, "2 0"), start, G_MININT64, -1);
    ASSERT_OUT_EMPTY (nothing, 0, FLOAT, "2 0");
  }
}

static void
test_transpose_expand_tile (void)
{
  g_autoptr (RefCase) turn = with_inputs (GONIO_OP_TRANSPOSE, COUNT ("1 2 3"), NULL, NULL);
  g_autoptr (RefCase) packed =
      with_inputs (GONIO_OP_TRANSPOSE, TENSOR_I64 (INT4, "2 3", 1, -2, 3, -4, 5, -6), NULL, NULL);
  g_autoptr (RefCase) wrong = with_inputs (GONIO_OP_TRANSPOSE, COUNT ("2 3"), NULL, NULL);
  g_autoptr (RefCase) expand =
      with_inputs (GONIO_OP_EXPAND, TENSOR_TEXT ("2 1", "a", "b"), I64 ("3", 2, 1, 2), NULL);
  g_autoptr (RefCase) tile = with_inputs (GONIO_OP_TILE, COUNT ("1 2"), I64 ("2", 2, 2), NULL);
  g_autoptr (RefCase) gone = with_inputs (GONIO_OP_TILE, COUNT ("1 2"), I64 ("2", 2, 0), NULL);

  REF_CASE_INTS (turn, "perm", 2, 0, 1);
  ASSERT_OUT (turn, 0, FLOAT, "3 1 2", 0, 3, 1, 4, 2, 5);
  ref_assert_out (packed, 0, TENSOR_I64 (INT4, "3 2", 1, -4, -2, 5, 3, -6), REF_HERE);
  REF_CASE_INTS (wrong, "perm", 0, 0);
  ASSERT_FAILS (wrong, "axis 0 twice");
  ASSERT_OUT_TEXT (expand, 0, "2 2 2", "a", "a", "b", "b", "a", "a", "b", "b");
  ASSERT_OUT (tile, 0, FLOAT, "2 4", 0, 1, 0, 1, 0, 1, 0, 1);
  ASSERT_OUT_EMPTY (gone, 0, FLOAT, "2 0");
}

static void
test_depth_and_space (void)
{
  g_autoptr (RefCase) dcr = with_inputs (GONIO_OP_DEPTH_TO_SPACE, COUNT ("1 8 1 1"), NULL, NULL);
  g_autoptr (RefCase) crd = with_inputs (GONIO_OP_DEPTH_TO_SPACE, COUNT ("1 8 1 1"), NULL, NULL);
  g_autoptr (RefCase) back = with_inputs (GONIO_OP_SPACE_TO_DEPTH, COUNT ("1 1 2 4"), NULL, NULL);
  g_autoptr (RefCase) wrong = with_inputs (GONIO_OP_DEPTH_TO_SPACE, COUNT ("1 6 1 1"), NULL, NULL);

  ref_case_int (dcr, "blocksize", 2);
  ASSERT_OUT (dcr, 0, FLOAT, "1 2 2 2", 0, 2, 4, 6, 1, 3, 5, 7);
  ref_case_int (crd, "blocksize", 2);
  ref_case_string (crd, "mode", "CRD");
  ASSERT_OUT (crd, 0, FLOAT, "1 2 2 2", 0, 1, 2, 3, 4, 5, 6, 7);
  ref_case_int (back, "blocksize", 2);
  ASSERT_OUT (back, 0, FLOAT, "1 4 1 2", 0, 2, 1, 3, 4, 6, 5, 7);
  ref_case_int (wrong, "blocksize", 2);
  ASSERT_FAILS (wrong, "6 channels");
}

static void
test_pad (void)
{
  static const struct {
    const char *mode;
    double expected[7];
  } cases[] = {
      {"constant", {9, 9, 1, 2, 3, 9, 9}},
      {"edge", {1, 1, 1, 2, 3, 3, 3}},
      {"reflect", {3, 2, 1, 2, 3, 2, 1}},
      {"wrap", {2, 3, 1, 2, 3, 1, 2}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c = with_inputs (GONIO_OP_PAD, TENSOR (FLOAT, "3", 1, 2, 3),
                                         I64 ("2", 2, 2), TENSOR (FLOAT, "", 9));

    ref_case_string (c, "mode", cases[i].mode);
    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "7", 7, cases[i].expected), cases[i].mode);
  }
}

static void
test_pad_edges (void)
{
  g_autoptr (RefCase) crop =
      with_inputs (GONIO_OP_PAD, COUNT ("2 3"), I64 ("4", 0, -1, 1, 0), NULL);
  g_autoptr (RefCase) far =
      with_inputs (GONIO_OP_PAD, TENSOR (FLOAT, "2", 1, 2), I64 ("2", 5, 0), NULL);
  g_autoptr (RefCase) axes = ref_case_new (GONIO_OP_PAD);
  g_autoptr (RefCase) much = with_inputs (GONIO_OP_PAD, COUNT ("2"), I64 ("2", -2, -1), NULL);
  g_autoptr (RefCase) least =
      with_inputs (GONIO_OP_PAD, COUNT ("2"), I64 ("2", G_MININT64, G_MAXINT64), NULL);
  g_autoptr (RefCase) nothing =
      with_inputs (GONIO_OP_PAD, TENSOR_EMPTY (FLOAT, "0"), I64 ("2", 1, 0), NULL);

  ASSERT_OUT (crop, 0, FLOAT, "3 2", 1, 2, 4, 5, 0, 0);
  ref_case_string (far, "mode", "reflect");
  ASSERT_OUT (far, 0, FLOAT, "7", 2, 1, 2, 1, 2, 1, 2);
  ref_case_in (axes, COUNT ("2 1"));
  ref_case_in (axes, I64 ("2", 0, 1));
  ref_case_in (axes, NULL);
  ref_case_in (axes, I64 ("1", -1));
  ASSERT_OUT (axes, 0, FLOAT, "2 2", 0, 0, 1, 0);
  ASSERT_FAILS (much, "cuts more");
  ASSERT_FAILS (least, "cuts more");
  ref_case_string (nothing, "mode", "edge");
  ASSERT_FAILS (nothing, "empty");
}

static void
test_rows (void)
{
  g_autoptr (RefCase) reverse =
      with_inputs (GONIO_OP_REVERSE_SEQUENCE, COUNT ("3 2"), I64 ("2", 2, 3), NULL);
  g_autoptr (RefCase) longer =
      with_inputs (GONIO_OP_REVERSE_SEQUENCE, COUNT ("3 2"), I64 ("2", 2, 4), NULL);
  g_autoptr (RefCase) upper = with_inputs (GONIO_OP_TRILU, COUNT ("3 3"), I64 ("", 1), NULL);
  g_autoptr (RefCase) lower =
      with_inputs (GONIO_OP_TRILU, COUNT ("2 2"), I64 ("", G_MAXINT64), NULL);
  g_autoptr (RefCase) centre =
      with_inputs (GONIO_OP_CENTER_CROP_PAD, COUNT ("2 5"), I64 ("2", 3, 2), NULL);

  ASSERT_OUT (reverse, 0, FLOAT, "3 2", 2, 5, 0, 3, 4, 1);
  ASSERT_FAILS (longer, "4 of 3");
  ASSERT_OUT (upper, 0, FLOAT, "3 3", 0, 1, 2, 0, 0, 5, 0, 0, 0);
  ref_case_int (lower, "upper", 0);
  ASSERT_OUT (lower, 0, FLOAT, "2 2", 0, 1, 2, 3);
  ASSERT_OUT (centre, 0, FLOAT, "3 2", 1, 2, 6, 7, 0, 0);
}

/* ---- gather, scatter ---- */

static void
test_gather (void)
{
  g_autoptr (RefCase) rows =
      with_inputs (GONIO_OP_GATHER, TENSOR_TEXT ("3", "a", "b", "c"), I64 ("2 1", -1, 0), NULL);
  g_autoptr (RefCase) columns =
      with_inputs (GONIO_OP_GATHER, COUNT ("2 3"), TENSOR_I64 (INT32, "2", 2, 2), NULL);
  g_autoptr (RefCase) far = with_inputs (GONIO_OP_GATHER, COUNT ("2 3"), I64 ("1", 2), NULL);
  g_autoptr (RefCase) elements =
      with_inputs (GONIO_OP_GATHER_ELEMENTS, COUNT ("2 2"), I64 ("2 2", 0, 0, 1, -2), NULL);
  g_autoptr (RefCase) nd =
      with_inputs (GONIO_OP_GATHER_ND, COUNT ("2 2 2"), I64 ("2 1 1", 1, 0), NULL);
  g_autoptr (RefCase) nd_far =
      with_inputs (GONIO_OP_GATHER_ND, COUNT ("2 2"), I64 ("1 2", 0, -3), NULL);

  ASSERT_OUT_TEXT (rows, 0, "2 1", "c", "a");
  ref_case_int (columns, "axis", 1);
  ASSERT_OUT (columns, 0, FLOAT, "2 2", 2, 2, 5, 5);
  ASSERT_FAILS (far, "index 2");
  ref_case_int (elements, "axis", 1);
  ASSERT_OUT (elements, 0, FLOAT, "2 2", 0, 0, 3, 2);
  ref_case_int (nd, "batch_dims", 1);
  ASSERT_OUT (nd, 0, FLOAT, "2 1 2", 2, 3, 4, 5);
  ASSERT_FAILS (nd_far, "index -3");
}

static void
test_scatter (void)
{
  static const struct {
    const char *reduction;
    double expected[3];
  } cases[] = {
      {"none", {5, 20, 3}}, {"add", {11, 20, 23}}, {"mul", {25, 20, 60}},
      {"max", {5, 20, 20}}, {"min", {1, 20, 3}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c = with_inputs (GONIO_OP_SCATTER_ELEMENTS, TENSOR (FLOAT, "3", 1, 20, 20),
                                         I64 ("3", 0, 2, -3), TENSOR (FLOAT, "3", 5, 3, 5));

    ref_case_string (c, "reduction", cases[i].reduction);
    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "3", 3, cases[i].expected),
                    cases[i].reduction);
  }
  {
    g_autoptr (RefCase) nd =
        with_inputs (GONIO_OP_SCATTER_ND, TENSOR_I64 (UINT8, "2 2", 1, 2, 3, 4), I64 ("2 1", 1, 1),
                     TENSOR_I64 (UINT8, "2 2", 250, 1, 8, 0));

    ref_case_string (nd, "reduction", "add");
    ASSERT_OUT_I64 (nd, 0, UINT8, "2 2", 1, 2, 5, 5);
  }
  {
    g_autoptr (RefCase) wrong =
        with_inputs (GONIO_OP_SCATTER_ND, COUNT ("2 2"), I64 ("1 1", 9), COUNT ("1 2"));

    ASSERT_FAILS (wrong, "index 9");
  }
}

static void
test_tensor_scatter (void)
{
  g_autoptr (RefCase) c = with_inputs (GONIO_OP_TENSOR_SCATTER, COUNT ("1 3 1"),
                                       TENSOR (FLOAT, "1 2 1", 10, 20), I64 ("1", 2));
  g_autoptr (RefCase) over = with_inputs (GONIO_OP_TENSOR_SCATTER, COUNT ("1 3 1"),
                                          TENSOR (FLOAT, "1 2 1", 10, 20), I64 ("1", 2));

  ref_case_string (c, "mode", "circular");
  ASSERT_OUT (c, 0, FLOAT, "1 3 1", 20, 1, 10);
  ASSERT_FAILS (over, "write index 2");
}

/* ---- selecting ---- */

static void
test_compress_nonzero_onehot (void)
{
  g_autoptr (RefCase) columns =
      with_inputs (GONIO_OP_COMPRESS, COUNT ("2 3"), TENSOR (BOOL, "2", 0, 1), NULL);
  g_autoptr (RefCase) over =
      with_inputs (GONIO_OP_COMPRESS, COUNT ("2"), TENSOR (BOOL, "3", 0, 0, 1), NULL);
  g_autoptr (RefCase) where =
      with_inputs (GONIO_OP_NON_ZERO, TENSOR (FLOAT, "2 2", 0, -1, NAN, 0), NULL, NULL);
  g_autoptr (RefCase) scalar = with_inputs (GONIO_OP_NON_ZERO, TENSOR (FLOAT, "", 3), NULL, NULL);
  g_autoptr (RefCase) hot =
      with_inputs (GONIO_OP_ONE_HOT, I64 ("3", 1, -1, 7), I64 ("", 3), TENSOR (FLOAT, "2", 0, 5));

  ref_case_int (columns, "axis", 1);
  ASSERT_OUT (columns, 0, FLOAT, "2 1", 1, 4);
  ASSERT_FAILS (over, "element 2 of 2");
  ASSERT_OUT_I64 (where, 0, INT64, "2 2", 0, 1, 1, 0);
  ASSERT_OUT_EMPTY (scalar, 0, INT64, "0 1");
  ASSERT_OUT (hot, 0, FLOAT, "3 3", 0, 5, 0, 0, 0, 5, 0, 0, 0);
}

static void
test_unique (void)
{
  g_autoptr (RefCase) sorted =
      with_inputs (GONIO_OP_UNIQUE, TENSOR (FLOAT, "5", 2, 1, 2, 3, 1), NULL, NULL);
  g_autoptr (RefCase) first =
      with_inputs (GONIO_OP_UNIQUE, TENSOR_TEXT ("4", "b", "a", "b", "c"), NULL, NULL);
  g_autoptr (RefCase) rows =
      with_inputs (GONIO_OP_UNIQUE, TENSOR_I64 (INT64, "3 2", 2, 1, 0, 9, 2, 1), NULL, NULL);

  ref_case_outputs (sorted, 4);
  ASSERT_OUT (sorted, 0, FLOAT, "3", 1, 2, 3);
  ASSERT_OUT_I64 (sorted, 1, INT64, "3", 1, 0, 3);
  ASSERT_OUT_I64 (sorted, 2, INT64, "5", 1, 0, 1, 2, 0);
  ASSERT_OUT_I64 (sorted, 3, INT64, "3", 2, 2, 1);
  ref_case_int (first, "sorted", 0);
  ASSERT_OUT_TEXT (first, 0, "3", "b", "a", "c");
  ref_case_int (rows, "axis", 0);
  ASSERT_OUT_I64 (rows, 0, INT64, "2 2", 0, 9, 2, 1);
}

static void
test_non_max_suppression (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_NON_MAX_SUPPRESSION);
  g_autoptr (RefCase) none = ref_case_new (GONIO_OP_NON_MAX_SUPPRESSION);
  /* 0 and 1 overlap by 2/3, 2 is apart, 3 scores too little; corners of 2 are swapped */
  const double boxes[] = {0, 0, 1, 1, 0, 0.2, 1, 1.2, 3, 3, 2, 2, 5, 5, 6, 6};

  ref_case_in (c, ref_tensor (GONIO_DTYPE_FLOAT, "1 4 4", 16, boxes));
  ref_case_in (c, TENSOR (FLOAT, "1 1 4", 0.5, 0.9, 0.7, 0.1));
  ref_case_in (c, I64 ("1", 10));
  ref_case_in (c, TENSOR (FLOAT, "1", 0.5));
  ref_case_in (c, TENSOR (FLOAT, "1", 0.2));
  ASSERT_OUT_I64 (c, 0, INT64, "2 3", 0, 0, 1, 0, 0, 2);
  ref_case_in (none, TENSOR_EMPTY (FLOAT, "1 0 4"));
  ref_case_in (none, TENSOR_EMPTY (FLOAT, "1 2 0"));
  ASSERT_OUT_EMPTY (none, 0, INT64, "0 3");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/shape/reshape", test_reshape);
  g_test_add_func ("/reference/shape/squeeze", test_squeeze);
  g_test_add_func ("/reference/shape/shape-size-flatten", test_shape_size_flatten);
  g_test_add_func ("/reference/shape/range", test_range);
  g_test_add_func ("/reference/shape/constant-eye", test_constant_of_shape_and_eye);
  g_test_add_func ("/reference/move/concat-split", test_concat_split);
  g_test_add_func ("/reference/move/slice", test_slice);
  g_test_add_func ("/reference/move/transpose-expand-tile", test_transpose_expand_tile);
  g_test_add_func ("/reference/move/depth-space", test_depth_and_space);
  g_test_add_func ("/reference/move/pad", test_pad);
  g_test_add_func ("/reference/move/pad-edges", test_pad_edges);
  g_test_add_func ("/reference/move/rows", test_rows);
  g_test_add_func ("/reference/index/gather", test_gather);
  g_test_add_func ("/reference/index/scatter", test_scatter);
  g_test_add_func ("/reference/index/tensor-scatter", test_tensor_scatter);
  g_test_add_func ("/reference/select/compress-nonzero-onehot", test_compress_nonzero_onehot);
  g_test_add_func ("/reference/select/unique", test_unique);
  g_test_add_func ("/reference/select/nms", test_non_max_suppression);
  return g_test_run ();
}
