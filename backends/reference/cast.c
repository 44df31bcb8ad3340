/* Cast and CastLike between all element types, strings included; BitCast.
 * Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>
#include <string.h>

typedef struct {
  gboolean saturate;
  const char *round_mode;
} CastOptions;

/* ---- text ---- */

/* The shortest decimal form that reads back as the same number of that type, in the way
 * Python and numpy write numbers: "0.1", "1000.0", "1e-07", "nan", "inf". */
static char *
float_to_text (double value, GonioDType dtype)
{
  char digits[40], buffer[G_ASCII_DTOSTR_BUF_SIZE];
  GString *text;
  char *mark;
  int precision, exponent;

  if (isnan (value))
    return g_strdup ("nan");
  if (isinf (value))
    return g_strdup (value < 0 ? "-inf" : "inf");
  for (precision = 0; precision < 17; precision++) {
    double back;

    g_snprintf (buffer, sizeof buffer, "%%.%de", precision);
    g_ascii_formatd (digits, sizeof digits, buffer, value);
    back = g_ascii_strtod (digits, NULL);
    if (dtype == GONIO_DTYPE_DOUBLE     ? back == value
        : dtype == GONIO_DTYPE_FLOAT16  ? ref_half (back) == ref_half (value)
        : dtype == GONIO_DTYPE_BFLOAT16 ? ref_bfloat16 (back) == ref_bfloat16 (value)
                                        : (float)back == (float)value)
      break;
  }
  mark = strchr (digits, 'e');
  exponent = (int)g_ascii_strtoll (mark + 1, NULL, 10);
  if (value != 0 && (exponent < -4 || exponent >= 16))
    return g_strdup (digits);

  g_snprintf (buffer, sizeof buffer, "%%.%df", MAX (MIN (precision, 16) - exponent, 1));
  text = g_string_new (NULL);
  g_string_set_size (text, 64);
  g_ascii_formatd (text->str, 64, buffer, value);
  return g_string_free (text, FALSE);
}

static char *
element_to_text (const GonioTensor *x, int64_t i)
{
  GonioDType dtype = gonio_tensor_dtype (x);
  RefForm form = ref_form (dtype);
  int64_t value;

  if (form == REF_FORM_FLOAT) {
    double number;

    ref_load_f64 (x, i, 1, &number);
    return float_to_text (number, dtype);
  }
  ref_load_i64 (x, i, 1, &value);
  if (dtype == GONIO_DTYPE_BOOL)
    return g_strdup (value ? "True" : "False");
  if (form == REF_FORM_UINT)
    return g_strdup_printf ("%" G_GUINT64_FORMAT, (uint64_t)value);
  return g_strdup_printf ("%" G_GINT64_FORMAT, value);
}

static gboolean
is_blank (const char *text)
{
  while (g_ascii_isspace (*text))
    text++;
  return *text == '\0';
}

/* Plain and scientific numbers, "NaN", "INF", "-inf" in any case, surrounded by spaces. */
static gboolean
text_to_element (const char *text, GonioTensor *y, int64_t at, const CastOptions *options,
                 GError **error)
{
  RefForm form = ref_form (gonio_tensor_dtype (y));
  const char *word = text;
  char *end = NULL;
  double number;

  while (g_ascii_isspace (*word))
    word++;

  if (form != REF_FORM_FLOAT && *word != '\0') {
    gboolean is_unsigned = form == REF_FORM_UINT && *word != '-';
    int64_t value =
        is_unsigned ? (int64_t)g_ascii_strtoull (word, &end, 10) : g_ascii_strtoll (word, &end, 10);

    if (is_blank (end)) {
      ref_store_i64 (y, at, 1, &value, is_unsigned);
      return TRUE;
    }
  }
  number = g_ascii_strtod (word, &end);
  if (*word == '\0' || !is_blank (end)) {
    g_autofree char *shown = g_utf8_make_valid (text, (gssize)strnlen (text, 40));

    return ref_bad_value (error, "\"%s\" is not a number", shown);
  }
  ref_store_f64 (y, at, 1, &number);
  return TRUE;
}

/* ---- numbers ---- */

static void
store_rare (GonioTensor *y, int64_t at, int n, const double *values, const CastOptions *options)
{
  GonioDType dtype = gonio_tensor_dtype (y);
  uint8_t *bytes = gonio_tensor_writable_data (y);

  for (int i = 0; i < n; i++) {
    if (dtype == GONIO_DTYPE_FLOAT8E8M0) {
      bytes[at + i] = ref_e8m0_encode (values[i], options->saturate, options->round_mode);
    } else if (dtype == GONIO_DTYPE_FLOAT4E2M1) {
      ref_packed_set (bytes, 4, at + i, ref_small_float_encode (dtype, values[i], TRUE));
    } else {
      bytes[at + i] = ref_small_float_encode (dtype, values[i], options->saturate);
    }
  }
}

static void
cast_numbers (const GonioTensor *x, GonioTensor *y, const CastOptions *options)
{
  RefForm from = ref_form (gonio_tensor_dtype (x));
  RefTypes rare_types = REF_FLOAT8 | REF_T (FLOAT4E2M1) | REF_T (FLOAT8E8M0);
  gboolean rare = ((rare_types >> gonio_tensor_dtype (y)) & 1) != 0;
  int64_t count = gonio_tensor_count (x);
  RefChunk chunk;

  for (int64_t at = 0; at < count; at += REF_CHUNK) {
    int n = (int)MIN (REF_CHUNK, count - at);

    if (rare) {
      ref_load (x, at, 1, n, REF_FORM_FLOAT, &chunk);
      store_rare (y, at, n, chunk.f, options);
    } else {
      ref_load (x, at, 1, n, from, &chunk);
      ref_store (y, at, n, from, &chunk);
    }
  }
}

static gboolean
cast_to (GonioKernel *k, GonioDType to, GError **error)
{
  CastOptions options = {ref_attr_int (k, "saturate", 1) != 0,
                         ref_attr_string (k, "round_mode", "up")};
  GonioTensor *x = k->inputs[0], *y;
  GonioDType from = gonio_tensor_dtype (x);
  int64_t count = gonio_tensor_count (x);

  if (!g_str_equal (options.round_mode, "up") && !g_str_equal (options.round_mode, "down") &&
      !g_str_equal (options.round_mode, "nearest"))
    return ref_bad_value (error, "round_mode is \"%s\", it must be up, down or nearest",
                          options.round_mode);
  if ((((RefTypes)1 << to) & k->row->out) == 0)
    return ref_bad_value (error, "cannot cast from %s to %s", gonio_dtype_name (from),
                          gonio_dtype_name (to));
  y = ref_output (k, 0, to, gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;

  if (from == to) {
    ref_copy (y, 0, x, 0, count);
  } else if (from == GONIO_DTYPE_STRING) {
    for (int64_t i = 0; i < count; i++)
      if (!text_to_element (gonio_tensor_string (x, i), y, i, &options, error))
        return FALSE;
  } else if (to == GONIO_DTYPE_STRING) {
    for (int64_t i = 0; i < count; i++) {
      g_autofree char *text = element_to_text (x, i);

      if (!gonio_tensor_set_string (y, i, text, error))
        return FALSE;
    }
  } else {
    cast_numbers (x, y, &options);
  }
  return TRUE;
}

static gboolean
run_cast (GonioKernel *k, GError **error)
{
  int64_t to = ref_attr_int (k, "to", 0);

  if (to <= GONIO_DTYPE_NONE || to >= GONIO_DTYPE_COUNT)
    return ref_bad_value (error, "attribute to is %" G_GINT64_FORMAT ", which is no element type",
                          to);
  return cast_to (k, (GonioDType)to, error);
}

static gboolean
run_cast_like (GonioKernel *k, GError **error)
{
  return cast_to (k, gonio_tensor_dtype (k->inputs[1]), error);
}

/* ---- BitCast ---- */

static gboolean
run_bit_cast (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioDType from = gonio_tensor_dtype (x);
  int64_t to = ref_attr_int (k, "to", 0);

  if (to <= GONIO_DTYPE_NONE || to >= GONIO_DTYPE_COUNT || to == GONIO_DTYPE_STRING ||
      gonio_dtype_bits ((GonioDType)to) != gonio_dtype_bits (from))
    return ref_bad_value (error, "the bits of %s cannot be read as type %" G_GINT64_FORMAT,
                          gonio_dtype_name (from), to);
  y = ref_output (k, 0, (GonioDType)to, gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  memcpy (gonio_tensor_writable_data (y), gonio_tensor_data (x), gonio_tensor_size (x));
  /* a bool has one true value */
  for (int64_t i = 0; to == GONIO_DTYPE_BOOL && i < gonio_tensor_count (y); i++) {
    uint8_t *bytes = gonio_tensor_writable_data (y);

    bytes[i] = bytes[i] != 0;
  }
  return TRUE;
}

#define CASTABLE (REF_NUMBERS | REF_BOOL | REF_NARROW | REF_T (STRING))

const RefRow ref_rows_cast[] = {
    {GONIO_OP_BIT_CAST, run_bit_cast, NULL, {REF_ANY & ~REF_T (STRING)}, 0, 0},
    {GONIO_OP_CAST, run_cast, NULL, {CASTABLE}, 0, CASTABLE},
    {GONIO_OP_CAST_LIKE, run_cast_like, NULL, {CASTABLE, CASTABLE}, 0, CASTABLE},
    {0},
};
