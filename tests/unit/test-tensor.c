/* core/tensor: types, shapes, tensors, .npy files. */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/tensor/statistics.h"
#include "core/tensor/tensor.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static void
test_dtype (void)
{
  for (int i = 1; i < GONIO_DTYPE_COUNT; i++) {
    g_assert_cmpint (gonio_dtype_from_name (gonio_dtype_name ((GonioDType)i)), ==, i);
    g_assert_cmpuint (gonio_dtype_bits ((GonioDType)i), >, 0);
  }
  g_assert_cmpstr (gonio_dtype_name ((GonioDType)999), ==, "none");
  g_assert_cmpint (gonio_dtype_from_name ("quaternion"), ==, GONIO_DTYPE_NONE);
  g_assert_true (gonio_dtype_is_float (GONIO_DTYPE_BFLOAT16));
  g_assert_false (gonio_dtype_is_integer (GONIO_DTYPE_BOOL));
  g_assert_false (gonio_dtype_is_signed (GONIO_DTYPE_UINT4));
}

static void
test_half (void)
{
  /* Every code survives the round trip; NaNs stay NaN. */
  for (guint code = 0; code < 65536; code++) {
    float value = gonio_half_to_float ((uint16_t)code);
    if (isnan (value))
      g_assert_true (isnan (gonio_half_to_float (gonio_float_to_half (value))));
    else
      g_assert_cmpuint (gonio_float_to_half (value), ==, code);
    float wide = gonio_bfloat16_to_float ((uint16_t)code);
    if (!isnan (wide))
      g_assert_cmpuint (gonio_float_to_bfloat16 (wide), ==, code);
  }
  /* Ties go to even, overflow to infinity, tiny to zero. */
  g_assert_cmphex (gonio_float_to_half (1.0f + 0x1p-11f), ==, 0x3c00);
  g_assert_cmphex (gonio_float_to_half (1.0f + 3 * 0x1p-11f), ==, 0x3c02);
  g_assert_cmphex (gonio_float_to_half (65519.9f), ==, 0x7bff);
  g_assert_cmphex (gonio_float_to_half (65520.0f), ==, 0x7c00);
  g_assert_cmphex (gonio_float_to_half (-0x1p-25f), ==, 0x8000);
  g_assert_cmphex (gonio_float_to_half (0x1.8p-25f), ==, 0x0001);
  g_assert_cmphex (gonio_float_to_half (0x1.ffcp-15f), ==, 0x0400);
  g_assert_true (isnan (gonio_half_to_float (gonio_float_to_half (NAN))));
  g_assert_cmphex (gonio_float_to_bfloat16 (1.0f + 0x1p-8f), ==, 0x3f80);
  g_assert_cmphex (gonio_float_to_bfloat16 (1.0f + 3 * 0x1p-8f), ==, 0x3f82);
  g_assert_true (isnan (gonio_bfloat16_to_float (gonio_float_to_bfloat16 (NAN))));
}

static void
test_small_float (void)
{
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E4M3FN, 0x7e), ==, 448.0f);
  g_assert_true (isnan (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E4M3FN, 0xff)));
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E4M3FN, 0x01), ==, 0x1p-9f);
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E4M3FNUZ, 0x7f), ==, 240.0f);
  g_assert_true (isnan (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E4M3FNUZ, 0x80)));
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E5M2, 0x7b), ==, 57344.0f);
  g_assert_true (isinf (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E5M2, 0xfc)));
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E5M2FNUZ, 0x7f), ==, 57344.0f);
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT4E2M1, 0x7), ==, 6.0f);
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT4E2M1, 0x9), ==, -0.5f);
  g_assert_cmpfloat (gonio_small_float_to_float (GONIO_DTYPE_FLOAT8E8M0, 128), ==, 2.0f);
}

static void
test_shape (void)
{
  GonioShape a = GONIO_SHAPE (2, 1, 4), b = GONIO_SHAPE (3, 1), out;
  g_assert_true (gonio_shape_broadcast (&a, &b, &out));
  g_autofree char *text = gonio_shape_to_string (&out);
  g_assert_cmpstr (text, ==, "[2,3,4]");
  GonioShape c = GONIO_SHAPE (3);
  g_assert_false (gonio_shape_broadcast (&a, &c, &out));
  GonioShape zero = GONIO_SHAPE (0), one = GONIO_SHAPE (1);
  g_assert_true (gonio_shape_broadcast (&zero, &one, &out));
  g_assert_cmpint (out.dims[0], ==, 0);

  int64_t count, strides[GONIO_MAX_RANK];
  GonioShape huge = GONIO_SHAPE (INT64_MAX, 2), empty = GONIO_SHAPE (INT64_MAX, 2, 0);
  g_assert_false (gonio_shape_count (&huge, &count));
  g_assert_true (gonio_shape_count (&empty, &count));
  g_assert_cmpint (count, ==, 0);
  GonioShape scalar = GONIO_SHAPE_SCALAR;
  g_assert_true (gonio_shape_count (&scalar, &count));
  g_assert_cmpint (count, ==, 1);
  gonio_shape_strides (&a, strides);
  g_assert_cmpint (strides[0], ==, 4);
  g_assert_cmpint (strides[2], ==, 1);
}

static void
test_memory (void)
{
  g_autoptr (GError) error = NULL;
  GonioShape shape = GONIO_SHAPE (3, 5);
  g_autoptr (GonioTensor) t = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, &error);
  g_assert_no_error (error);
  g_assert_cmpuint ((uintptr_t)gonio_tensor_data (t) % GONIO_TENSOR_ALIGN, ==, 0);
  g_assert_cmpuint (gonio_tensor_size (t), ==, 60);
  ((float *)gonio_tensor_writable_data (t))[7] = 1.5f;

  /* A view outlives the tensor's own reference and shares its bytes. */
  GonioShape flat = GONIO_SHAPE (15), wrong = GONIO_SHAPE (16);
  g_autoptr (GonioTensor) view = gonio_tensor_new_view (t, &flat, &error);
  g_assert_no_error (error);
  g_clear_pointer (&t, gonio_tensor_unref);
  g_assert_cmpfloat (gonio_tensor_get_double (view, 7), ==, 1.5);
  g_assert_null (gonio_tensor_new_view (view, &wrong, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE);
  g_clear_error (&error);

  GonioShape huge = GONIO_SHAPE (INT64_MAX / 2, 4), large = GONIO_SHAPE (1 << 20, 1 << 20);
  g_assert_null (gonio_tensor_new (GONIO_DTYPE_FLOAT, &huge, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
  g_clear_error (&error);
  g_assert_null (gonio_tensor_new (GONIO_DTYPE_FLOAT, &large, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
  g_clear_error (&error);
  g_assert_null (gonio_tensor_new_copy (GONIO_DTYPE_UINT8, &flat, "x", 1, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT);
}

static void
test_elements (void)
{
  GonioShape five = GONIO_SHAPE (5);
  guint8 packed[3] = {0x1f, 0x78, 0x05}; /* low nibble first: f 1 8 7 5 */
  g_autoptr (GonioTensor) i4 =
      gonio_tensor_new_copy (GONIO_DTYPE_INT4, &five, packed, sizeof packed, NULL);
  g_autoptr (GonioTensor) u4 =
      gonio_tensor_new_copy (GONIO_DTYPE_UINT4, &five, packed, sizeof packed, NULL);
  g_assert_cmpint (gonio_tensor_get_int (i4, 0), ==, -1);
  g_assert_cmpint (gonio_tensor_get_int (u4, 0), ==, 15);
  g_assert_cmpint (gonio_tensor_get_int (i4, 2), ==, -8);
  g_assert_cmpint (gonio_tensor_get_int (i4, 3), ==, 7);
  g_assert_cmpint (gonio_tensor_get_int (i4, 4), ==, 5);

  float floats[5] = {-1.9f, 1e30f, -1e30f, NAN, 2.5f};
  g_autoptr (GonioTensor) f =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &five, floats, sizeof floats, NULL);
  g_assert_cmpint (gonio_tensor_get_int (f, 0), ==, -1);
  g_assert_cmpint (gonio_tensor_get_int (f, 1), ==, INT64_MAX);
  g_assert_cmpint (gonio_tensor_get_int (f, 2), ==, INT64_MIN);
  g_assert_cmpint (gonio_tensor_get_int (f, 3), ==, 0);

  g_autoptr (GonioTensor) s = gonio_tensor_new (GONIO_DTYPE_STRING, &five, NULL);
  g_assert_cmpstr (gonio_tensor_string (s, 4), ==, "");
  g_assert_true (gonio_tensor_set_string (s, 4, "무지외반", NULL));
  g_assert_true (gonio_tensor_set_string (s, 4, "hallux", NULL));
  g_assert_cmpstr (gonio_tensor_string (s, 4), ==, "hallux");
}

/* Texts are shared by reference, and a budget counts what is made while it is open. */
static void
test_texts_and_budget (void)
{
  GonioMemoryBudget *budget = gonio_memory_budget_new (1 << 20);
  g_autoptr (GError) error = NULL;
  GonioShape two = GONIO_SHAPE (2), large = GONIO_SHAPE (1 << 20);
  GonioWork work;

  gonio_work_begin (&work, budget, 2, NULL);
  g_autoptr (GonioTensor) a = gonio_tensor_new (GONIO_DTYPE_STRING, &two, NULL);
  size_t empty = gonio_memory_budget_taken (budget);
  g_assert_cmpuint (empty, >, 0);
  char *text = gonio_tensor_new_string (a, 1, 1000, &error);
  g_assert_no_error (error);
  memset (text, 'x', 1000);
  size_t filled = gonio_memory_budget_taken (budget);
  g_assert_cmpuint (filled, >, empty + 1000);
  g_autoptr (GonioTensor) b = gonio_tensor_new (GONIO_DTYPE_STRING, &two, NULL);
  gonio_tensor_share_string (b, 0, a, 1);
  gonio_tensor_share_string (b, 1, a, 1);
  g_assert_cmpuint (gonio_tensor_text_bytes (b), ==, 2000);
  g_assert_cmpuint (gonio_memory_budget_taken (budget), ==, filled + empty);
  g_assert_true (gonio_tensor_string (b, 0) == gonio_tensor_string (a, 1));
  g_clear_pointer (&a, gonio_tensor_unref);
  g_assert_cmpuint (gonio_tensor_string_length (b, 0), ==, 1000);

  g_assert_null (gonio_tensor_new (GONIO_DTYPE_FLOAT, &large, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "limit is 1 MiB"));
  g_clear_error (&error);
  g_assert_null (gonio_tensor_new_string (b, 0, 1 << 20, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
  g_clear_error (&error);

  g_assert_true (gonio_work_round (&error) && gonio_work_round (&error));
  g_assert_false (gonio_work_round (&error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_LIMIT);
  gonio_work_end (&work);
  g_autoptr (GonioTensor) uncounted = gonio_tensor_new (GONIO_DTYPE_FLOAT, &large, NULL);
  g_assert_nonnull (uncounted);
  g_clear_pointer (&b, gonio_tensor_unref); /* gives back after the work has ended */
  g_assert_cmpuint (gonio_memory_budget_taken (budget), ==, 0);
  gonio_memory_budget_unref (budget);
}

static void
check_round_trip (const GonioTensor *tensor, GonioDType read_back)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "gonio-test-tensor.npy", NULL);
  g_assert_true (gonio_tensor_save_npy (tensor, path, &error));
  g_assert_no_error (error);
  g_autoptr (GonioTensor) back = gonio_tensor_load_npy (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (gonio_tensor_dtype (back), ==, read_back);
  g_assert_true (gonio_shape_equal (gonio_tensor_shape (tensor), gonio_tensor_shape (back)));
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    if (read_back == GONIO_DTYPE_STRING)
      g_assert_cmpstr (gonio_tensor_string (tensor, i), ==, gonio_tensor_string (back, i));
    else
      g_assert_cmpfloat (gonio_tensor_get_double (tensor, i), ==,
                         gonio_tensor_get_double (back, i));
  }
  g_unlink (path);
}

static void
test_npy_round_trip (void)
{
  GonioShape shape = GONIO_SHAPE (2, 3);
  for (int dtype = 1; dtype < GONIO_DTYPE_COUNT; dtype++) {
    if (dtype == GONIO_DTYPE_STRING)
      continue;
    g_autoptr (GonioTensor) t = gonio_tensor_new_zeroed ((GonioDType)dtype, &shape, NULL);
    guint8 *bytes = gonio_tensor_writable_data (t);
    for (gsize i = 0; i < gonio_tensor_size (t); i++)
      bytes[i] = dtype == GONIO_DTYPE_BOOL ? i % 2 : (guint8)(i * 5 + 1) & 0x3f;
    guint bits = gonio_dtype_bits ((GonioDType)dtype);
    GonioDType back = (GonioDType)dtype;
    if (dtype == GONIO_DTYPE_BFLOAT16 || (gonio_dtype_is_float (back) && bits < 16))
      back = GONIO_DTYPE_FLOAT;
    else if (bits < 8)
      back = gonio_dtype_is_signed (back) ? GONIO_DTYPE_INT8 : GONIO_DTYPE_UINT8;
    check_round_trip (t, back);
  }
  GonioShape scalar = GONIO_SHAPE_SCALAR, one = GONIO_SHAPE (2), empty = GONIO_SHAPE (0, 4);
  g_autoptr (GonioTensor) s = gonio_tensor_new_zeroed (GONIO_DTYPE_DOUBLE, &scalar, NULL);
  check_round_trip (s, GONIO_DTYPE_DOUBLE);
  g_autoptr (GonioTensor) e = gonio_tensor_new_zeroed (GONIO_DTYPE_INT64, &empty, NULL);
  check_round_trip (e, GONIO_DTYPE_INT64);
  g_autoptr (GonioTensor) text = gonio_tensor_new (GONIO_DTYPE_STRING, &one, NULL);
  g_assert_true (gonio_tensor_set_string (text, 0, "각도", NULL));
  check_round_trip (text, GONIO_DTYPE_STRING);
}

static GonioTensor *
load_text (const char *header, const void *data, gsize size, guint8 version, GError **error)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "gonio-test-hostile.npy", NULL);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', version, 0, (guint8)strlen (header), 0};
  guint8 wide[2] = {0, 0};
  g_byte_array_append (bytes, start, sizeof start);
  if (version > 1)
    g_byte_array_append (bytes, wide, sizeof wide);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (bytes, data, (guint)size);
  g_assert_true (g_file_set_contents (path, (char *)bytes->data, bytes->len, NULL));
  GonioTensor *tensor = gonio_tensor_load_npy (path, error);
  g_unlink (path);
  return tensor;
}

static void
test_npy_read (void)
{
  g_autoptr (GError) error = NULL;
  gint16 data[6] = {1, 2, 3, 4, 5, 6};
  g_autoptr (GonioTensor) fortran = load_text (
      "{'descr':'<i2','fortran_order':True,'shape':(2,3L),}", data, sizeof data, 2, &error);
  g_assert_no_error (error);
  const gint16 *got = gonio_tensor_data (fortran), expected[6] = {1, 3, 5, 2, 4, 6};
  g_assert_cmpmem (got, sizeof expected, expected, sizeof expected);

  static const struct {
    const char *header;
    int code;
  } bad[] = {
      {"{'descr':'<f4','fortran_order':False,'shape':(2,3)", GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':'<f4','fortran_order':False,'shape':(2,", GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':'<f4','fortran_order':False}", GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':'<f4','fortran_order':Maybe,'shape':()}", GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':[('a','<f4')],'fortran_order':False,'shape':()}", GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':'>f4','fortran_order':False,'shape':(1,)}", GONIO_LOAD_ERROR_UNSUPPORTED},
      {"{'descr':'','fortran_order':False,'shape':(1,)}", GONIO_LOAD_ERROR_UNSUPPORTED},
      {"{'descr':'<f4','fortran_order':False,'shape':(-1,)}", GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':'<f4','fortran_order':False,'shape':(400,)}", GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':'<f4','fortran_order':False,'shape':(99999999999999999999,)}",
       GONIO_LOAD_ERROR_MALFORMED},
      {"{'descr':'<f4','fortran_order':False,'shape':(9999999999,99999999999)}",
       GONIO_LOAD_ERROR_LIMIT},
      {"{'descr':'<f4','fortran_order':False,'shape':(1,1,1,1,1,1,1,1,1)}", GONIO_LOAD_ERROR_LIMIT},
      {"{'descr':'<U0','fortran_order':False,'shape':(9999999999,)}", GONIO_LOAD_ERROR_LIMIT},
      {"[]", GONIO_LOAD_ERROR_MALFORMED},
      {"", GONIO_LOAD_ERROR_MALFORMED},
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_null (load_text (bad[i].header, data, sizeof data, 1, &error));
    g_assert_error (error, GONIO_LOAD_ERROR, bad[i].code);
    g_clear_error (&error);
  }
  g_assert_null (load_text ("{}", data, 0, 9, &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_null (gonio_tensor_load_npy ("/nonexistent.npy", &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO);
  g_clear_error (&error);
  g_assert_null (gonio_tensor_load_npy ("/", &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO);
}

static void
test_statistics (void)
{
  const float a[] = {1, NAN, 3, -INFINITY, 5, 7}, b[] = {1, NAN, 3.3f, -INFINITY, 5.05f, 7};
  GonioShape shape = GONIO_SHAPE (6), other = GONIO_SHAPE (2, 3);
  g_autoptr (GonioTensor) ta = gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &shape, a, sizeof a, NULL);
  g_autoptr (GonioTensor) tb = gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &shape, b, sizeof b, NULL);
  g_autoptr (GonioTensor) tc = gonio_tensor_new_view (ta, &other, NULL);
  GonioTensorStatistics s = gonio_tensor_statistics (ta);
  g_assert_cmpint (s.n_nan, ==, 1);
  g_assert_cmpint (s.n_inf, ==, 1);
  g_assert_cmpint (s.first_nan, ==, 1);
  g_assert_cmpint (s.first_inf, ==, 3);
  g_assert_cmpfloat (s.min, ==, 1);
  g_assert_cmpfloat (s.max, ==, 7);
  g_assert_cmpfloat_with_epsilon (s.mean, 4, 1e-12);
  g_assert_cmpfloat_with_epsilon (s.std, 2.23606797749979, 1e-12);

  /* 0.3 > 0.1 + 0.02 * 3.3, 0.05 <= 0.1 + 0.02 * 5.05 */
  GonioTensorDistance d = gonio_tensor_distance (ta, tb, 0.02, 0.1);
  g_assert_true (d.same_form);
  g_assert_cmpint (d.n_wrong, ==, 1);
  g_assert_cmpint (d.first_wrong, ==, 2);
  g_assert_cmpfloat_with_epsilon (d.max_abs, 0.3, 1e-6);
  g_assert_cmpfloat_with_epsilon (d.max_rel, 0.3 / 3.3, 1e-6);
  g_assert_cmpint (gonio_tensor_distance (ta, tb, 0.1, 0).n_wrong, ==, 0);
  g_assert_false (gonio_tensor_distance (ta, tc, 1, 1).same_form);
  ((float *)gonio_tensor_writable_data (tb))[3] = INFINITY;
  d = gonio_tensor_distance (ta, tb, 1, 1);
  g_assert_cmpint (d.n_wrong, ==, 1);
  g_assert_true (isinf (d.max_abs));
}

/* Tensors of a session that is being built may lie beside each other: aligned, zeroed, apart, and
 * there as long as they live, whichever goes first. */
static void
test_lasting (void)
{
  enum { N = 60 };
  GonioTensor *tensors[N];
  GonioWork work;

  gonio_work_begin (&work, NULL, 0, NULL);
  work.pooled = TRUE;
  for (int i = 0; i < N; i++) {
    GonioShape shape = GONIO_SHAPE ((int64_t)(i % 20 + 1) * (i % 20 + 1) * 13331 + i);
    tensors[i] = gonio_tensor_new_lasting (GONIO_DTYPE_UINT8, &shape, TRUE, NULL);
    const guint8 *data = gonio_tensor_data (tensors[i]);
    g_assert_cmpuint ((uintptr_t)data % GONIO_TENSOR_ALIGN, ==, 0);
    for (size_t at = 0; at < gonio_tensor_size (tensors[i]) + GONIO_TENSOR_TAIL; at++)
      g_assert_cmpuint (data[at], ==, 0);
    memset (gonio_tensor_writable_data (tensors[i]), i + 1, gonio_tensor_size (tensors[i]));
  }
  gonio_work_end (&work);
  for (int i = 0; i < N; i += 2)
    gonio_tensor_unref (tensors[i]);
  for (int i = 1; i < N; i += 2) {
    const guint8 *data = gonio_tensor_data (tensors[i]);
    for (size_t at = 0; at < gonio_tensor_size (tensors[i]) + GONIO_TENSOR_TAIL; at++)
      g_assert_cmpuint (data[at], ==, at < gonio_tensor_size (tensors[i]) ? i + 1 : 0);
    gonio_tensor_unref (tensors[i]);
  }
}

static gboolean
all_are (const GonioTensor *tensor, size_t from, size_t end, guint8 value)
{
  const guint8 *data = gonio_tensor_data (tensor);
  for (size_t i = from; i < end; i++)
    if (data[i] != value)
      return FALSE;
  return TRUE;
}

/* Pages of what is freed meanwhile may be those of what comes next: as clean as promised, with
 * neighbours untouched. */
static void
test_lasting_reused (void)
{
  enum { N = 12, KEPT = 200000, LARGE = 3000000 };
  const GonioShape small = GONIO_SHAPE (KEPT), large = GONIO_SHAPE (LARGE);
  GonioTensor *kept[N], *freed[N], *later[N];
  GonioWork work;

  gonio_work_begin (&work, NULL, 0, NULL);
  work.pooled = TRUE;
  for (int i = 0; i < N; i++) {
    freed[i] = gonio_tensor_new_lasting (GONIO_DTYPE_UINT8, &large, FALSE, NULL);
    memset (gonio_tensor_writable_data (freed[i]), 0xff, LARGE + GONIO_TENSOR_TAIL);
    kept[i] = gonio_tensor_new_lasting (GONIO_DTYPE_UINT8, &small, FALSE, NULL);
    memset (gonio_tensor_writable_data (kept[i]), i + 1, KEPT);
  }
  for (int i = 0; i < N; i++) {
    gonio_tensor_unref (freed[i]);
    later[i] = gonio_tensor_new_lasting (GONIO_DTYPE_UINT8, i % 3 ? &large : &small, i % 2, NULL);
    size_t size = gonio_tensor_size (later[i]);
    g_assert_true (all_are (later[i], i % 2 ? 0 : size, size + GONIO_TENSOR_TAIL, 0));
    memset (gonio_tensor_writable_data (later[i]), N + i + 1, size);
  }
  gonio_work_end (&work);
  for (int i = 0; i < N; i++) {
    g_assert_true (all_are (kept[i], 0, KEPT, (guint8)(i + 1)));
    g_assert_true (all_are (later[i], 0, gonio_tensor_size (later[i]), (guint8)(N + i + 1)));
    gonio_tensor_unref (kept[i]);
    gonio_tensor_unref (later[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tensor/dtype", test_dtype);
  g_test_add_func ("/tensor/half", test_half);
  g_test_add_func ("/tensor/small-float", test_small_float);
  g_test_add_func ("/tensor/shape", test_shape);
  g_test_add_func ("/tensor/memory", test_memory);
  g_test_add_func ("/tensor/lasting", test_lasting);
  g_test_add_func ("/tensor/lasting-reused", test_lasting_reused);
  g_test_add_func ("/tensor/elements", test_elements);
  g_test_add_func ("/tensor/statistics", test_statistics);
  g_test_add_func ("/tensor/npy-round-trip", test_npy_round_trip);
  g_test_add_func ("/tensor/texts-and-budget", test_texts_and_budget);
  g_test_add_func ("/tensor/npy-read", test_npy_read);
  return g_test_run ();
}
