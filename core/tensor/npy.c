/* NumPy .npy files, version 1 to 3 (format: numpy.lib.format). Depends on base, GIO.
 *
 * Files are hostile: the header is at most MAX_HEADER bytes, the data at most MAX_DATA, and
 * nothing is allocated for data that the file does not hold. Types without a NumPy form are
 * written as the next wider one: bfloat16 and narrower floats as float32, sub-byte integers
 * as 8-bit.
 */
#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/tensor/tensor.h"

#include <string.h>

#define MAGIC      "\x93NUMPY"
#define MAGIC_LEN  6
#define MAX_HEADER (64 * 1024)
#define MAX_DATA   ((size_t)4 << 30)
#define MAX_TEXT   (1024 * 1024) /* characters of one string element */

typedef struct {
  const char *descr;
  GonioDType dtype;
} NpyType;

static const NpyType types[] = {
    {"<f4", GONIO_DTYPE_FLOAT},     {"<f8", GONIO_DTYPE_DOUBLE},      {"<f2", GONIO_DTYPE_FLOAT16},
    {"|b1", GONIO_DTYPE_BOOL},      {"|u1", GONIO_DTYPE_UINT8},       {"|i1", GONIO_DTYPE_INT8},
    {"<u2", GONIO_DTYPE_UINT16},    {"<i2", GONIO_DTYPE_INT16},       {"<u4", GONIO_DTYPE_UINT32},
    {"<i4", GONIO_DTYPE_INT32},     {"<u8", GONIO_DTYPE_UINT64},      {"<i8", GONIO_DTYPE_INT64},
    {"<c8", GONIO_DTYPE_COMPLEX64}, {"<c16", GONIO_DTYPE_COMPLEX128},
};

typedef struct {
  GonioDType dtype;
  guint text_length; /* characters per element when dtype is STRING */
  gboolean fortran;
  GonioShape shape;
  gboolean has_descr, has_fortran, has_shape;
} NpyHeader;

static gboolean
malformed (GError **error, const char *what)
{
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_MALFORMED, "not a readable .npy file: %s",
               what);
  return FALSE;
}

static const char *
skip_space (const char *p)
{
  while (g_ascii_isspace (*p))
    p++;
  return p;
}

/* A quoted Python string without escapes; *p moves behind it. (transfer full) */
static char *
parse_quoted (const char **p)
{
  char quote = **p;
  if (quote != '\'' && quote != '"')
    return NULL;
  const char *end = strchr (*p + 1, quote);
  if (end == NULL)
    return NULL;
  char *text = g_strndup (*p + 1, (gsize)(end - *p - 1));
  *p = end + 1;
  return text;
}

static gboolean
parse_descr (const char **p, NpyHeader *header, GError **error)
{
  g_autofree char *descr = parse_quoted (p);
  if (descr == NULL)
    return malformed (error, "its element type is structured or missing");
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    /* Byte order of one-byte types is written as '|', but '<' and '=' occur too. */
    if (strcmp (types[i].descr + 1, descr + (descr[0] != '\0')) == 0 &&
        (descr[0] == types[i].descr[0] || (types[i].descr[0] == '|' && strchr ("<>=", descr[0])))) {
      header->dtype = types[i].dtype;
      header->has_descr = TRUE;
      return TRUE;
    }
  }
  guint64 length;
  if (g_str_has_prefix (descr, "<U") &&
      g_ascii_string_to_unsigned (descr + 2, 10, 0, MAX_TEXT, &length, NULL)) {
    header->dtype = GONIO_DTYPE_STRING;
    header->text_length = (guint)length;
    header->has_descr = TRUE;
    return TRUE;
  }
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED,
               "the .npy file has element type '%s'; little-endian numbers, bool and text ('<U') "
               "can be read",
               descr);
  return FALSE;
}

static gboolean
parse_shape (const char **p, NpyHeader *header, GError **error)
{
  if (**p != '(')
    return malformed (error, "its shape is not a tuple");
  *p = skip_space (*p + 1);
  header->shape.rank = 0;
  while (**p != ')') {
    char *end = NULL;
    if (!g_ascii_isdigit (**p))
      return malformed (error, "a dimension is not a number");
    guint64 dim = g_ascii_strtoull (*p, &end, 10);
    if (dim > (guint64)G_MAXINT64)
      return malformed (error, "a dimension is out of range");
    if (header->shape.rank == GONIO_MAX_RANK) {
      g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                   "the .npy file has more than %d dimensions", GONIO_MAX_RANK);
      return FALSE;
    }
    header->shape.dims[header->shape.rank++] = (int64_t)dim;
    *p = skip_space (*end == 'L' ? end + 1 : end);
    if (**p == ',')
      *p = skip_space (*p + 1);
    else if (**p != ')')
      return malformed (error, "its shape is not a tuple");
  }
  *p += 1;
  header->has_shape = TRUE;
  return TRUE;
}

static gboolean
parse_fortran (const char **p, NpyHeader *header, GError **error)
{
  if (g_str_has_prefix (*p, "True")) {
    header->fortran = TRUE;
    *p += 4;
  } else if (g_str_has_prefix (*p, "False")) {
    *p += 5;
  } else {
    return malformed (error, "fortran_order is neither True nor False");
  }
  header->has_fortran = TRUE;
  return TRUE;
}

/* text: a Python dict literal, NUL-terminated. */
static gboolean
parse_header (const char *text, NpyHeader *header, GError **error)
{
  const char *p = skip_space (text);
  if (*p++ != '{')
    return malformed (error, "its header is not a dictionary");
  for (p = skip_space (p); *p != '}'; p = skip_space (p)) {
    g_autofree char *key = parse_quoted (&p);
    p = skip_space (p);
    if (key == NULL || *p++ != ':')
      return malformed (error, "its header is not a dictionary");
    p = skip_space (p);
    gboolean ok;
    if (strcmp (key, "descr") == 0)
      ok = parse_descr (&p, header, error);
    else if (strcmp (key, "fortran_order") == 0)
      ok = parse_fortran (&p, header, error);
    else if (strcmp (key, "shape") == 0)
      ok = parse_shape (&p, header, error);
    else
      ok = malformed (error, "its header has an unknown key");
    if (!ok)
      return FALSE;
    p = skip_space (p);
    if (*p == ',')
      p++;
    else if (*p != '}')
      return malformed (error, "its header is not a dictionary");
  }
  if (!header->has_descr || !header->has_fortran || !header->has_shape)
    return malformed (error, "its header lacks descr, fortran_order or shape");
  return TRUE;
}

static gboolean
read_exactly (GInputStream *stream, void *buffer, gsize size, GError **error)
{
  gsize got = 0;
  if (!g_input_stream_read_all (stream, buffer, size, &got, NULL, error))
    return FALSE;
  return got == size || malformed (error, "it ends too early");
}

static gboolean
read_header (GInputStream *stream, NpyHeader *header, gsize *out_offset, GError **error)
{
  guint8 start[MAGIC_LEN + 6];
  if (!read_exactly (stream, start, MAGIC_LEN + 4, error))
    return FALSE;
  if (memcmp (start, MAGIC, MAGIC_LEN) != 0)
    return malformed (error, "the magic bytes are missing");
  guint version = start[MAGIC_LEN];
  if (version < 1 || version > 3) {
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED,
                 "the .npy file has version %u; 1 to 3 can be read", version);
    return FALSE;
  }
  gsize size = (gsize)start[8] | (gsize)start[9] << 8, offset = MAGIC_LEN + 4;
  if (version > 1) {
    if (!read_exactly (stream, start + 10, 2, error))
      return FALSE;
    size |= (gsize)start[10] << 16 | (gsize)start[11] << 24;
    offset += 2;
  }
  if (size > MAX_HEADER) {
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                 "the .npy header has %" G_GSIZE_FORMAT " bytes; at most %d are read", size,
                 MAX_HEADER);
    return FALSE;
  }
  g_autofree char *text = g_malloc0 (size + 1);
  if (!read_exactly (stream, text, size, error) || !parse_header (text, header, error))
    return FALSE;
  *out_offset = offset + size;
  return TRUE;
}

/* UCS-4, padded with NULs, to one UTF-8 string per element. */
static gboolean
read_strings (GInputStream *stream, const NpyHeader *header, GonioTensor *tensor, GError **error)
{
  gsize width = (gsize)header->text_length * 4;
  g_autofree gunichar *text =
      gonio_new0 (gunichar, (gsize)header->text_length + 1, "a text", error);
  if (text == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    if (!read_exactly (stream, text, width, error))
      return FALSE;
    g_autofree char *utf8 = g_ucs4_to_utf8 (text, header->text_length, NULL, NULL, NULL);
    if (utf8 == NULL)
      return malformed (error, "a text element is not Unicode");
    if (!gonio_tensor_set_string (tensor, i, utf8, error))
      return FALSE;
  }
  return TRUE;
}

/* Column-major bytes of from into row-major order of to. */
static void
reorder_fortran (const GonioShape *shape, gsize element, const guint8 *from, guint8 *to,
                 int64_t count)
{
  int64_t stride[GONIO_MAX_RANK], index[GONIO_MAX_RANK] = {0}, step = 1, at = 0;
  for (int i = 0; i < shape->rank; i++) {
    stride[i] = step;
    step *= shape->dims[i];
  }
  for (int64_t n = 0; n < count; n++) {
    memcpy (to + (gsize)n * element, from + (gsize)at * element, element);
    for (int i = shape->rank - 1; i >= 0; i--) {
      at += stride[i];
      if (++index[i] < shape->dims[i])
        break;
      at -= stride[i] * shape->dims[i];
      index[i] = 0;
    }
  }
}

static GonioTensor *
read_tensor (GInputStream *stream, const NpyHeader *header, gsize available, GError **error)
{
  size_t size, width = (size_t)header->text_length * 4;
  int64_t count;
  gboolean text = header->dtype == GONIO_DTYPE_STRING;
  gboolean fits = gonio_shape_count (&header->shape, &count) &&
                  (text ? gonio_checked_mul ((size_t)count, width, &size) &&
                              (uint64_t)count <= MAX_DATA / sizeof (char *)
                        : gonio_tensor_bytes (header->dtype, &header->shape, &size));
  if (!fits || size > MAX_DATA) {
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                 "the .npy array exceeds the limit of 4 GiB");
    return NULL;
  }
  if (size > available) {
    malformed (error, "it ends too early");
    return NULL;
  }
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (header->dtype, &header->shape, error);
  if (tensor == NULL)
    return NULL;
  if (text && header->fortran && header->shape.rank > 1) {
    malformed (error, "text in Fortran order");
    return NULL;
  }
  gboolean ok = text ? read_strings (stream, header, tensor, error)
                     : read_exactly (stream, gonio_tensor_writable_data (tensor), size, error);
  if (!ok)
    return NULL;
  if (!header->fortran || header->shape.rank < 2)
    return g_steal_pointer (&tensor);

  g_autoptr (GonioTensor) ordered = gonio_tensor_new (header->dtype, &header->shape, error);
  if (ordered == NULL)
    return NULL;
  reorder_fortran (&header->shape, gonio_dtype_bits (header->dtype) / 8, gonio_tensor_data (tensor),
                   gonio_tensor_writable_data (ordered), count);
  return g_steal_pointer (&ordered);
}

GonioTensor *
gonio_tensor_load_npy (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) local = NULL;
  g_autoptr (GFileInputStream) stream = g_file_read (file, NULL, &local);
  g_autoptr (GFileInfo) info = NULL;
  if (stream != NULL)
    info = g_file_input_stream_query_info (
        stream, G_FILE_ATTRIBUTE_STANDARD_SIZE "," G_FILE_ATTRIBUTE_STANDARD_TYPE, NULL, &local);
  if (info == NULL || g_file_info_get_file_type (info) != G_FILE_TYPE_REGULAR) {
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO, "%s: %s", path,
                 local != NULL ? local->message : "not a regular file");
    return NULL;
  }
  NpyHeader header = {0};
  gsize offset = 0, file_size = (gsize)MAX (g_file_info_get_size (info), 0);
  GonioTensor *tensor = NULL;
  if (read_header (G_INPUT_STREAM (stream), &header, &offset, &local))
    tensor = read_tensor (G_INPUT_STREAM (stream), &header,
                          file_size > offset ? file_size - offset : 0, &local);
  if (tensor != NULL)
    return tensor;
  if (local->domain == GONIO_LOAD_ERROR || local->domain == GONIO_RUN_ERROR)
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", path);
  else
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO, "%s: %s", path, local->message);
  return NULL;
}

/* The same values in a type NumPy has, or tensor itself. (transfer full) */
static GonioTensor *
to_numpy_type (const GonioTensor *tensor, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  guint bits = gonio_dtype_bits (dtype);
  gboolean is_float = gonio_dtype_is_float (dtype);
  gboolean narrow = dtype == GONIO_DTYPE_BFLOAT16 || (is_float && bits < 16) || bits < 8;
  if (!narrow)
    return gonio_tensor_ref ((GonioTensor *)tensor);

  GonioDType wide = is_float                        ? GONIO_DTYPE_FLOAT
                    : gonio_dtype_is_signed (dtype) ? GONIO_DTYPE_INT8
                                                    : GONIO_DTYPE_UINT8;
  GonioTensor *copy = gonio_tensor_new (wide, gonio_tensor_shape (tensor), error);
  if (copy == NULL)
    return NULL;
  void *data = gonio_tensor_writable_data (copy);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    if (is_float)
      ((float *)data)[i] = (float)gonio_tensor_get_double (tensor, i);
    else
      ((guint8 *)data)[i] = (guint8)gonio_tensor_get_int (tensor, i);
  }
  return copy;
}

/* Header padded so that the data starts at a multiple of 64. */
static GString *
make_header (const char *descr, const GonioShape *shape)
{
  g_autoptr (GString) dict = g_string_new (NULL);
  g_string_append_printf (dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (int i = 0; i < shape->rank; i++)
    g_string_append_printf (dict, "%" G_GINT64_FORMAT "%s", shape->dims[i],
                            i + 1 < shape->rank ? ", "
                            : shape->rank == 1  ? ","
                                                : "");
  g_string_append (dict, "), }");
  while ((MAGIC_LEN + 4 + dict->len + 1) % 64 != 0)
    g_string_append_c (dict, ' ');
  g_string_append_c (dict, '\n');

  GString *header = g_string_new_len (MAGIC "\x01\x00", MAGIC_LEN + 2);
  g_string_append_c (header, (char)(dict->len & 0xff));
  g_string_append_c (header, (char)(dict->len >> 8));
  g_string_append_len (header, dict->str, (gssize)dict->len);
  return header;
}

static gboolean
write_strings (GOutputStream *stream, const GonioTensor *tensor, glong width, GError **error)
{
  g_autofree gunichar *row = gonio_new0 (gunichar, (gsize)width, "a text", error);
  if (row == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    glong length = 0;
    const char *utf8 = gonio_tensor_string (tensor, i);
    if (!gonio_expect ((strlen (utf8) + 1) * sizeof (gunichar), "a text", error))
      return FALSE;
    g_autofree gunichar *text = g_utf8_to_ucs4_fast (utf8, -1, &length);
    memset (row, 0, (gsize)width * sizeof *row);
    memcpy (row, text, (gsize)MIN (length, width) * sizeof *row);
    if (!g_output_stream_write_all (stream, row, (gsize)width * sizeof *row, NULL, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_npy (GOutputStream *stream, const GonioTensor *tensor, GError **error)
{
  const char *descr = NULL;
  g_autofree char *text_descr = NULL;
  glong width = 1;
  GonioDType dtype = gonio_tensor_dtype (tensor);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].dtype == dtype)
      descr = types[i].descr;
  if (dtype == GONIO_DTYPE_STRING) {
    for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
      const char *text = gonio_tensor_string (tensor, i);
      if (!g_utf8_validate (text, -1, NULL)) {
        g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED,
                     "text element %" G_GINT64_FORMAT " is not UTF-8", i);
        return FALSE;
      }
      width = MAX (width, g_utf8_strlen (text, -1));
    }
    descr = text_descr = g_strdup_printf ("<U%ld", width);
  }
  g_autoptr (GString) header = make_header (descr, gonio_tensor_shape (tensor));
  if (!g_output_stream_write_all (stream, header->str, header->len, NULL, NULL, error))
    return FALSE;
  if (dtype == GONIO_DTYPE_STRING)
    return write_strings (stream, tensor, width, error);
  return g_output_stream_write_all (stream, gonio_tensor_data (tensor), gonio_tensor_size (tensor),
                                    NULL, NULL, error);
}

gboolean
gonio_tensor_save_npy (const GonioTensor *tensor, const char *path, GError **error)
{
  g_autoptr (GonioTensor) storable = to_numpy_type (tensor, error);
  if (storable == NULL)
    return FALSE;
  g_autoptr (GError) local = NULL;
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileOutputStream) stream =
      g_file_replace (file, NULL, FALSE, G_FILE_CREATE_NONE, NULL, &local);
  if (stream != NULL && write_npy (G_OUTPUT_STREAM (stream), storable, &local) &&
      g_output_stream_close (G_OUTPUT_STREAM (stream), NULL, &local))
    return TRUE;
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO, "cannot write %s: %s", path,
               local->message);
  return FALSE;
}
