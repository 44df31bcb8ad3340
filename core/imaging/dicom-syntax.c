/* Transfer syntaxes by what reads them, and the deflated one's unpacking. Depends on base. */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

#define CHUNK (1 << 20)

/* Names stand where DCMTK 3.6.7 has none. What is not here and encapsulated is JPEG. */
static const GonioDicomSyntax syntaxes[] = {
    {"1.2.840.10008.1.2", GONIO_DICOM_NATIVE, NULL},
    {"1.2.840.10008.1.2.1", GONIO_DICOM_NATIVE, NULL},
    {"1.2.840.10008.1.2.1.99", GONIO_DICOM_NATIVE, NULL},
    {"1.2.840.10008.1.2.2", GONIO_DICOM_NATIVE, NULL},
    {"1.2.840.10008.1.2.5", GONIO_DICOM_RLE, NULL},
    {"1.2.840.10008.1.2.4.80", GONIO_DICOM_JPEG_LS, NULL},
    {"1.2.840.10008.1.2.4.81", GONIO_DICOM_JPEG_LS, NULL},
    {"1.2.840.10008.1.2.4.90", GONIO_DICOM_JPEG_2000, NULL},
    {"1.2.840.10008.1.2.4.91", GONIO_DICOM_JPEG_2000, NULL},
    {"1.2.840.10008.1.2.4.92", GONIO_DICOM_JPEG_2000, NULL},
    {"1.2.840.10008.1.2.4.93", GONIO_DICOM_JPEG_2000, NULL},
    {"1.2.840.10008.1.2.4.201", GONIO_DICOM_JPEG_2000, "High-Throughput JPEG 2000 (lossless)"},
    {"1.2.840.10008.1.2.4.202", GONIO_DICOM_JPEG_2000, "High-Throughput JPEG 2000 (RPCL)"},
    {"1.2.840.10008.1.2.4.203", GONIO_DICOM_JPEG_2000, "High-Throughput JPEG 2000"},
    {"1.2.840.10008.1.2.8.1", GONIO_DICOM_OTHER, "Deflated Image Frame"},
    {"1.2.840.10008.1.2.4.94", GONIO_DICOM_OTHER, "JPIP Referenced (pixels on a server)"},
    {"1.2.840.10008.1.2.4.95", GONIO_DICOM_OTHER, "JPIP Referenced (pixels on a server)"},
    {"1.2.840.10008.1.2.4.100", GONIO_DICOM_OTHER, "MPEG-2 video"},
    {"1.2.840.10008.1.2.4.101", GONIO_DICOM_OTHER, "MPEG-2 video"},
    {"1.2.840.10008.1.2.4.102", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.103", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.104", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.105", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.106", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.107", GONIO_DICOM_OTHER, "HEVC video"},
    {"1.2.840.10008.1.2.4.108", GONIO_DICOM_OTHER, "HEVC video"},
    {"1.2.840.10008.1.2.4.110", GONIO_DICOM_OTHER, "JPEG XL (lossless)"},
    {"1.2.840.10008.1.2.4.111", GONIO_DICOM_OTHER, "JPEG XL (recompressed JPEG)"},
    {"1.2.840.10008.1.2.4.112", GONIO_DICOM_OTHER, "JPEG XL"},
};

const GonioDicomSyntax *
gonio_dicom_find_syntax (const char *uid)
{
  for (guint i = 0; i < G_N_ELEMENTS (syntaxes); i++)
    if (g_str_equal (uid, syntaxes[i].uid))
      return &syntaxes[i];
  return NULL;
}

GBytes *
gonio_dicom_inflate (const uint8_t *data, size_t size, GError **error)
{
  g_autoptr (GZlibDecompressor) z = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree uint8_t *chunk = g_malloc (CHUNK);
  GConverterResult result = G_CONVERTER_CONVERTED;
  size_t at = 0;

  while (result == G_CONVERTER_CONVERTED) {
    gsize used = 0, made = 0;

    result = g_converter_convert (G_CONVERTER (z), data + at, size - at, chunk, CHUNK,
                                  G_CONVERTER_INPUT_AT_END, &used, &made, NULL);
    if (result == G_CONVERTER_ERROR)
      break;
    at += used;
    g_byte_array_append (out, chunk, (guint)made);
    if (out->len > GONIO_IMAGE_MAX_INFLATED) {
      g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                           "the deflated data set grows beyond 1 GB when unpacked. "
                           "Send it uncompressed");
      return NULL;
    }
  }
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}
