/* DICOM data elements, PS3.5 7.1, PS3.10 7.1. */
#include "tests/support/dicom-writer.h"

#include <gio/gio.h>
#include <string.h>

struct _GonioDicomWriter {
  char *syntax; /* nullable */
  GByteArray *set;
};

GonioDicomWriter *
gonio_dicom_writer_new (const char *transfer_syntax)
{
  GonioDicomWriter *w = g_new0 (GonioDicomWriter, 1);

  w->syntax = g_strdup (transfer_syntax);
  w->set = g_byte_array_new ();
  return w;
}

void
gonio_dicom_writer_free (GonioDicomWriter *w)
{
  if (!w)
    return;
  g_free (w->syntax);
  g_byte_array_unref (w->set);
  g_free (w);
}

static void
put16 (GByteArray *out, guint v)
{
  guint8 b[2] = {(guint8)v, (guint8)(v >> 8)};

  g_byte_array_append (out, b, 2);
}

static void
put32 (GByteArray *out, guint32 v)
{
  put16 (out, v & 0xFFFF);
  put16 (out, v >> 16);
}

static gboolean
has_long_length (const char *vr)
{
  return strstr ("OB OD OF OL OW SQ UC UN UR UT", vr) != NULL;
}

static void
put_header (GByteArray *out, guint32 tag, const char *vr, guint32 length, gboolean implicit)
{
  put16 (out, tag >> 16);
  put16 (out, tag & 0xFFFF);
  if (!implicit) {
    g_byte_array_append (out, (const guint8 *)vr, 2);
    if (!has_long_length (vr)) {
      put16 (out, length);
      return;
    }
    put16 (out, 0);
  }
  put32 (out, length);
}

static gboolean
is_implicit (const GonioDicomWriter *w)
{
  return g_strcmp0 (w->syntax, GONIO_TS_IMPLICIT) == 0;
}

void
gonio_dicom_writer_bytes (GonioDicomWriter *w, guint32 tag, const char *vr, gconstpointer data,
                          size_t size)
{
  static const guint8 zero = 0;

  put_header (w->set, tag, vr, (guint32)(size + (size & 1)), is_implicit (w));
  g_byte_array_append (w->set, data, (guint)size);
  if (size & 1)
    g_byte_array_append (w->set, &zero, 1);
}

void
gonio_dicom_writer_text (GonioDicomWriter *w, guint32 tag, const char *vr, const char *text)
{
  size_t n = strlen (text);
  g_autofree char *padded = g_strconcat (text, " ", NULL);

  if (g_str_equal (vr, "UI"))
    padded[n] = 0;
  gonio_dicom_writer_bytes (w, tag, vr, padded, n + (n & 1));
}

void
gonio_dicom_writer_us (GonioDicomWriter *w, guint32 tag, guint value)
{
  uint16_t word = (uint16_t)value;

  gonio_dicom_writer_words (w, tag, "US", &word, 1);
}

void
gonio_dicom_writer_words (GonioDicomWriter *w, guint32 tag, const char *vr, const uint16_t *words,
                          size_t n)
{
  put_header (w->set, tag, vr, (guint32)(n * 2), is_implicit (w));
  for (size_t i = 0; i < n; i++)
    put16 (w->set, words[i]);
}

void
gonio_dicom_writer_sequence (GonioDicomWriter *w, guint32 tag, GonioDicomWriter *item)
{
  put_header (w->set, tag, "SQ", item->set->len + 8, is_implicit (w));
  put32 (w->set, 0xE000FFFE);
  put32 (w->set, item->set->len);
  g_byte_array_append (w->set, item->set->data, item->set->len);
}

void
gonio_dicom_writer_fragments (GonioDicomWriter *w, GBytes *const *fragments, guint n)
{
  put_header (w->set, 0x7FE00010, "OB", 0xFFFFFFFF, FALSE);
  put32 (w->set, 0xE000FFFE);
  put32 (w->set, 0);
  for (guint i = 0; i < n; i++) {
    gsize size = 0;
    const guint8 *data = g_bytes_get_data (fragments[i], &size);

    put32 (w->set, 0xE000FFFE);
    put32 (w->set, (guint32)(size + (size & 1)));
    g_byte_array_append (w->set, data, (guint)size);
    if (size & 1)
      g_byte_array_append (w->set, (const guint8 *)"", 1);
  }
  put32 (w->set, 0xE0DDFFFE);
  put32 (w->set, 0);
}

void
gonio_dicom_writer_grey (GonioDicomWriter *w, const char *photometric, guint columns, guint rows,
                         guint allocated, guint stored, gboolean is_signed)
{
  gonio_dicom_writer_us (w, 0x00280002, 1);
  gonio_dicom_writer_text (w, 0x00280004, "CS", photometric);
  gonio_dicom_writer_us (w, 0x00280010, rows);
  gonio_dicom_writer_us (w, 0x00280011, columns);
  gonio_dicom_writer_us (w, 0x00280100, allocated);
  gonio_dicom_writer_us (w, 0x00280101, stored);
  gonio_dicom_writer_us (w, 0x00280102, stored - 1);
  gonio_dicom_writer_us (w, 0x00280103, is_signed);
}

static GByteArray *
deflate (const GByteArray *in)
{
  g_autoptr (GZlibCompressor) z = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW, 9);
  GByteArray *out = g_byte_array_new ();
  GConverterResult result = G_CONVERTER_CONVERTED;
  gsize at = 0;

  while (result == G_CONVERTER_CONVERTED) {
    guint8 chunk[4096];
    gsize used = 0, made = 0;

    result = g_converter_convert (G_CONVERTER (z), in->data + at, in->len - at, chunk, sizeof chunk,
                                  G_CONVERTER_INPUT_AT_END, &used, &made, NULL);
    g_assert_cmpint (result, !=, G_CONVERTER_ERROR);
    g_byte_array_append (out, chunk, (guint)made);
    at += used;
  }
  return out;
}

GBytes *
gonio_dicom_writer_finish (GonioDicomWriter *w)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GByteArray) packed = NULL;
  g_autoptr (GonioDicomWriter) meta = gonio_dicom_writer_new (NULL);
  guint8 preamble[132] = {0};

  if (w->syntax) {
    memcpy (preamble + 128, "DICM", 4);
    g_byte_array_append (out, preamble, sizeof preamble);
    gonio_dicom_writer_text (meta, 0x00020010, "UI", w->syntax);
    put_header (out, 0x00020000, "UL", 4, FALSE);
    put32 (out, meta->set->len);
    g_byte_array_append (out, meta->set->data, meta->set->len);
  }
  if (g_strcmp0 (w->syntax, GONIO_TS_DEFLATED) == 0)
    packed = deflate (w->set);
  g_byte_array_append (out, packed ? packed->data : w->set->data,
                       packed ? packed->len : w->set->len);
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}
