/* The encodings of DICOM pixel data: RLE, JPEG and JPEG 2000 made here, colour models, fragments;
 * and on the shared sample sets every lossless encoding against its original, and the names of
 * pydicom's character set files.
 */
#include "core/imaging/dicom.h"
#include "core/imaging/load-private.h"
#include "tests/support/dicom-writer.h"
#include "tests/support/image-fixture.h"

#include <openjpeg.h>
#include <string.h>
#include <turbojpeg.h>

#define PIXEL_DATA 0x7FE00010

static GonioImage *
load (GonioDicomWriter *w, guint frame)
{
  g_autoptr (GBytes) bytes = gonio_dicom_writer_finish (w);
  g_autoptr (GError) error = NULL;
  GonioImage *image = gonio_fixture_load (bytes, frame, &error);

  g_assert_no_error (error);
  return image;
}

static void
refuse (GonioDicomWriter *w, const char *needle)
{
  g_autoptr (GBytes) bytes = gonio_dicom_writer_finish (w);

  gonio_fixture_assert_refused (bytes, GONIO_IMAGE_ERROR_MALFORMED, needle);
}

static double
value_at (GonioImage *image, guint i)
{
  const GonioWindow *w = gonio_image_window (image);

  return gonio_image_grey16 (image)[i] * w->scale + w->offset;
}

/* ---- RLE ---- */

/* PackBits of every byte plane, most significant first; runs and literals mixed. */
static GBytes *
rle_encode (const guint8 *pixels, size_t n, guint samples, guint bytes)
{
  GByteArray *out = g_byte_array_new ();
  guint segments = samples * bytes;
  guint8 header[64] = {(guint8)segments};

  g_byte_array_append (out, header, sizeof header);
  for (guint s = 0; s < segments; s++) {
    guint sample = s / bytes, place = bytes - 1 - s % bytes; /* little-endian host */
    size_t stride = (size_t)samples * bytes;
    const guint8 *p = pixels + sample * bytes + place;

    for (guint b = 0; b < 4; b++)
      out->data[4 + 4 * s + b] = (guint8)(out->len >> (8 * b));
    for (size_t i = 0; i < n;) {
      size_t run = 1;

      while (i + run < n && run < 128 && p[(i + run) * stride] == p[i * stride])
        run++;
      if (run > 2) {
        g_byte_array_append (out, (const guint8[]){(guint8)(257 - run), p[i * stride]}, 2);
        i += run;
      } else {
        guint8 count = (guint8)(MIN (n - i, 5) - 1);

        g_byte_array_append (out, &count, 1);
        for (guint k = 0; k <= count; k++)
          g_byte_array_append (out, p + (i + k) * stride, 1);
        i += count + 1u;
      }
    }
    if (out->len & 1)
      g_byte_array_append (out, (const guint8[]){0x80}, 1); /* no-op */
  }
  return g_byte_array_free_to_bytes (out);
}

static void
test_rle (void)
{
  uint16_t words[2][40 * 30];
  GBytes *frames[2] = {NULL};
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_RLE);

  for (guint f = 0; f < 2; f++) {
    for (guint i = 0; i < 1200; i++)
      words[f][i] = (uint16_t)(i % 40 < 20 ? f * 300 : (i * 31 + f) % 4096);
    frames[f] = rle_encode ((const guint8 *)words[f], 1200, 1, 2);
  }
  gonio_dicom_writer_text (w, 0x00280008, "IS", "2");
  gonio_dicom_writer_grey (w, "MONOCHROME2", 40, 30, 16, 12, FALSE);
  gonio_dicom_writer_fragments (w, frames, 2);
  for (guint f = 0; f < 2; f++) {
    g_autoptr (GonioImage) image = load (w, f);

    for (guint i = 0; i < 1200; i++)
      g_assert_cmpfloat (value_at (image, i), ==, words[f][i]);
    g_bytes_unref (frames[f]);
  }
}

static void
test_rle_damage (void)
{
  uint16_t words[256] = {0};
  g_autoptr (GBytes) good = NULL;
  gsize size = 0;

  for (guint i = 0; i < 256; i++)
    words[i] = (uint16_t)(i * 257);
  good = rle_encode ((const guint8 *)words, 256, 1, 2);
  size = g_bytes_get_size (good);
  for (gsize cut = 2; cut + 4 < size; cut += 8) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_RLE);
    g_autoptr (GBytes) part = gonio_fixture_cut (good, cut);
    GBytes *fragments[1] = {part};

    gonio_dicom_writer_grey (w, "MONOCHROME2", 16, 16, 16, 16, FALSE);
    gonio_dicom_writer_fragments (w, fragments, 1);
    refuse (w, "run-length");
  }
  /* Offsets that point outside, or at the header itself. */
  for (guint k = 0; k < 5; k++) {
    static const guint32 offsets[] = {0, 63, 0xFFFFFFFF, 0x7FFFFFFF, 100000};
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_RLE);
    g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (good, NULL), size);
    g_autoptr (GBytes) broken = NULL;
    GBytes *fragments[1] = {NULL};

    memcpy (data + 4 + (k % 2) * 4, &offsets[k], 4);
    broken = fragments[0] = g_bytes_new (data, size);
    gonio_dicom_writer_grey (w, "MONOCHROME2", 16, 16, 16, 16, FALSE);
    gonio_dicom_writer_fragments (w, fragments, 1);
    refuse (w, "run-length");
  }
}

/* ---- JPEG ---- */

static GBytes *
jpeg_encode (const uint8_t *pixels, guint w, guint h, int format)
{
  tjhandle handle = tjInitCompress ();
  unsigned char *jpeg = NULL;
  unsigned long size = 0;
  GBytes *bytes = NULL;

  tjCompress2 (handle, pixels, (int)w, 0, (int)h, format, &jpeg, &size,
               format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_444, 98, 0);
  bytes = g_bytes_new (jpeg, size);
  tjFree (jpeg);
  tjDestroy (handle);
  return bytes;
}

/* Three frames in nine fragments without offset table: found by where streams start. */
static void
test_jpeg_fragments (void)
{
  uint8_t pixels[64 * 64];
  GBytes *fragments[9] = {NULL};
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_JPEG);
  guint n = 0;

  for (guint f = 0; f < 3; f++) {
    g_autoptr (GBytes) stream = NULL;
    gsize size = 0;

    for (guint i = 0; i < sizeof pixels; i++)
      pixels[i] = (uint8_t)(i % 64 + f * 60);
    stream = jpeg_encode (pixels, 64, 64, TJPF_GRAY);
    size = g_bytes_get_size (stream) / (f + 2) & ~(gsize)1;
    for (guint k = 0; k < f + 2; k++) {
      gsize rest = g_bytes_get_size (stream) - k * size;

      fragments[n] = g_bytes_new_from_bytes (stream, k * size, k == f + 1 ? rest : size);
      n++;
    }
  }
  gonio_dicom_writer_text (w, 0x00280008, "IS", "3");
  gonio_dicom_writer_grey (w, "MONOCHROME2", 64, 64, 8, 8, FALSE);
  gonio_dicom_writer_fragments (w, fragments, n);
  for (guint f = 0; f < 3; f++) {
    g_autoptr (GonioImage) image = load (w, f);

    for (guint i = 0; i < sizeof pixels; i++)
      g_assert_cmpfloat_with_epsilon (value_at (image, i), i % 64 + f * 60, 3);
  }
  for (guint k = 0; k < n; k++)
    g_bytes_unref (fragments[k]);
}

static void
test_jpeg_colour (void)
{
  uint8_t pixels[32 * 32 * 3];
  g_autoptr (GBytes) stream = NULL;
  static const char *const models[] = {"YBR_FULL_422", "RGB"};

  for (guint i = 0; i < 1024; i++)
    memcpy (pixels + i * 3, (const uint8_t[]){200, (uint8_t)(i / 32 * 4), 60}, 3);
  stream = jpeg_encode (pixels, 32, 32, TJPF_RGB); /* JFIF: YCbCr whatever the header says */
  for (guint m = 0; m < 2; m++) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_JPEG);
    GBytes *fragments[1] = {stream};
    g_autoptr (GonioImage) image = NULL;

    gonio_dicom_writer_us (w, 0x00280002, 3);
    gonio_dicom_writer_text (w, 0x00280004, "CS", models[m]);
    gonio_dicom_writer_us (w, 0x00280006, 0);
    gonio_dicom_writer_us (w, 0x00280010, 32);
    gonio_dicom_writer_us (w, 0x00280011, 32);
    gonio_dicom_writer_us (w, 0x00280100, 8);
    gonio_dicom_writer_us (w, 0x00280101, 8);
    gonio_dicom_writer_us (w, 0x00280102, 7);
    gonio_dicom_writer_us (w, 0x00280103, 0);
    gonio_dicom_writer_fragments (w, fragments, 1);
    image = load (w, 0);
    for (guint i = 0; i < sizeof pixels; i++)
      g_assert_cmpint (ABS ((int)((const uint8_t *)gonio_image_pixels (image))[i] - (int)pixels[i]),
                       <=, 6);
  }
}

static void
test_jpeg_damage (void)
{
  uint8_t pixels[64 * 64];
  g_autoptr (GBytes) stream = NULL;
  g_autoptr (GonioDicomWriter) small = gonio_dicom_writer_new (GONIO_TS_JPEG);
  g_autoptr (GonioDicomWriter) none = gonio_dicom_writer_new (GONIO_TS_JPEG);
  GBytes *fragments[1] = {NULL};

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (uint8_t)g_test_rand_int_range (0, 256);
  stream = jpeg_encode (pixels, 64, 64, TJPF_GRAY);
  for (gsize cut = 2; cut + 64 < g_bytes_get_size (stream); cut += 101) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_JPEG);
    g_autoptr (GBytes) part = gonio_fixture_cut (stream, cut);

    fragments[0] = part;
    gonio_dicom_writer_grey (w, "MONOCHROME2", 64, 64, 8, 8, FALSE);
    gonio_dicom_writer_fragments (w, fragments, 1);
    refuse (w, "again");
  }
  fragments[0] = stream;
  gonio_dicom_writer_grey (small, "MONOCHROME2", 32, 64, 8, 8, FALSE);
  gonio_dicom_writer_fragments (small, fragments, 1);
  refuse (small, "64 x 64 with 1 channels, but the header says 32 x 64");
  gonio_dicom_writer_grey (none, "MONOCHROME2", 64, 64, 8, 8, FALSE);
  gonio_dicom_writer_fragments (none, NULL, 0);
  refuse (none, "0 fragments");
}

/* ---- JPEG 2000 ---- */

typedef struct {
  GByteArray *data;
  size_t at;
} Sink;

static OPJ_SIZE_T
sink_write (void *buffer, OPJ_SIZE_T n, void *user_data)
{
  Sink *s = user_data;

  g_byte_array_set_size (s->data, (guint)MAX (s->data->len, s->at + n));
  memcpy (s->data->data + s->at, buffer, n);
  s->at += n;
  return n;
}

static OPJ_OFF_T
sink_skip (OPJ_OFF_T n, void *user_data)
{
  ((Sink *)user_data)->at += (size_t)n;
  return n;
}

static OPJ_BOOL
sink_seek (OPJ_OFF_T n, void *user_data)
{
  ((Sink *)user_data)->at = (size_t)n;
  return OPJ_TRUE;
}

/* Lossless codestream of components planes. */
static GBytes *
j2k_encode (const int *values, guint w, guint h, guint components, guint precision, gboolean sign)
{
  opj_cparameters_t parameters = {0};
  opj_image_cmptparm_t comps[3] = {0};
  Sink sink = {g_byte_array_new (), 0};
  opj_codec_t *codec = opj_create_compress (OPJ_CODEC_J2K);
  opj_stream_t *stream = opj_stream_create (1 << 16, OPJ_FALSE);
  opj_image_t *image = NULL;

  opj_set_default_encoder_parameters (&parameters);
  parameters.tcp_numlayers = 1;
  parameters.cp_disto_alloc = 1;
  parameters.numresolution = 3;
  parameters.tcp_mct = components == 3;
  for (guint c = 0; c < components; c++) {
    comps[c].dx = comps[c].dy = 1;
    comps[c].w = w;
    comps[c].h = h;
    comps[c].prec = precision;
    comps[c].sgnd = (OPJ_UINT32)sign;
  }
  image = opj_image_create (components, comps, components == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
  image->x1 = w;
  image->y1 = h;
  for (guint c = 0; c < components; c++)
    memcpy (image->comps[c].data, values + c * w * h, sizeof (int) * w * h);
  opj_stream_set_user_data (stream, &sink, NULL);
  opj_stream_set_write_function (stream, sink_write);
  opj_stream_set_skip_function (stream, sink_skip);
  opj_stream_set_seek_function (stream, sink_seek);
  g_assert_true (opj_setup_encoder (codec, &parameters, image));
  g_assert_true (opj_start_compress (codec, image, stream) && opj_encode (codec, stream) &&
                 opj_end_compress (codec, stream));
  opj_stream_destroy (stream);
  opj_destroy_codec (codec);
  opj_image_destroy (image);
  return g_byte_array_free_to_bytes (sink.data);
}

/* Stream and header agree or disagree about the sign; the raw bits are what counts. */
static void
test_j2k_signs (void)
{
  for (guint k = 0; k < 4; k++) {
    gboolean stream_signed = k & 1, header_signed = k >> 1;
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_JPEG2000);
    g_autoptr (GBytes) stream = NULL;
    g_autoptr (GonioImage) image = NULL;
    GBytes *fragments[1] = {NULL};
    int values[32 * 24];

    for (int i = 0; i < 768; i++)
      values[i] = i * 5 % 4096 - (stream_signed ? 2048 : 0);
    stream = fragments[0] = j2k_encode (values, 32, 24, 1, 12, stream_signed);
    gonio_dicom_writer_grey (w, "MONOCHROME2", 32, 24, 16, 12, header_signed);
    gonio_dicom_writer_fragments (w, fragments, 1);
    image = load (w, 0);
    for (guint i = 0; i < 768; i++) {
      int raw = values[i] & 0xFFF;

      g_assert_cmpfloat (value_at (image, i), ==, header_signed && raw > 2047 ? raw - 4096 : raw);
    }
  }
}

static void
test_j2k_colour_and_damage (void)
{
  int values[3 * 256];
  g_autoptr (GBytes) stream = NULL;
  GBytes *fragments[1] = {NULL};

  for (int i = 0; i < 768; i++)
    values[i] = i * 37 % 256;
  stream = j2k_encode (values, 16, 16, 3, 8, FALSE);
  for (gsize cut = g_bytes_get_size (stream); cut > 64; cut -= 53) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_JPEG2000);
    g_autoptr (GBytes) part = gonio_fixture_cut (stream, cut);

    fragments[0] = part;
    gonio_dicom_writer_us (w, 0x00280002, 3);
    gonio_dicom_writer_text (w, 0x00280004, "CS", "YBR_RCT");
    gonio_dicom_writer_us (w, 0x00280006, 0);
    gonio_dicom_writer_us (w, 0x00280010, 16);
    gonio_dicom_writer_us (w, 0x00280011, 16);
    gonio_dicom_writer_us (w, 0x00280100, 8);
    gonio_dicom_writer_us (w, 0x00280101, 8);
    gonio_dicom_writer_us (w, 0x00280102, 7);
    gonio_dicom_writer_us (w, 0x00280103, 0);
    gonio_dicom_writer_fragments (w, fragments, 1);
    if (cut == g_bytes_get_size (stream)) {
      g_autoptr (GonioImage) image = load (w, 0);

      for (guint i = 0; i < 768; i++)
        g_assert_cmpuint (((const uint8_t *)gonio_image_pixels (image))[i % 256 * 3 + i / 256], ==,
                          (guint)values[i]);
    } else {
      refuse (w, "cut short");
    }
  }
}

/* ---- threads ---- */

/* Loads and compares over and over; NULL when every pixel was right each time. */
static gpointer
load_repeatedly (gpointer data)
{
  g_autoptr (GonioImage) first = gonio_fixture_load (data, 0, NULL);
  size_t n = first ? (size_t)gonio_image_width (first) * gonio_image_height (first) * 2 : 0;

  for (guint i = 0; first && i < 40; i++) {
    g_autoptr (GonioImage) again = gonio_fixture_load (data, 0, NULL);

    if (!again || memcmp (gonio_image_pixels (first), gonio_image_pixels (again), n) != 0)
      return GINT_TO_POINTER (1);
  }
  return first ? NULL : GINT_TO_POINTER (2);
}

static void
test_threads (void)
{
  uint8_t pixels[64 * 64];
  int values[64 * 64];
  GBytes *streams[3] = {NULL}, *files[3] = {NULL};
  static const char *const syntaxes[3] = {GONIO_TS_RLE, GONIO_TS_JPEG, GONIO_TS_JPEG2000};
  GThread *threads[6] = {NULL};

  for (guint i = 0; i < sizeof pixels; i++)
    values[i] = pixels[i] = (uint8_t)(i * 7 % 251);
  streams[0] = rle_encode (pixels, sizeof pixels, 1, 1);
  streams[1] = jpeg_encode (pixels, 64, 64, TJPF_GRAY);
  streams[2] = j2k_encode (values, 64, 64, 1, 8, FALSE);
  for (guint k = 0; k < 3; k++) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (syntaxes[k]);

    gonio_dicom_writer_text (w, 0x00080005, "CS", "\\ISO 2022 IR 149");
    gonio_dicom_writer_text (w, 0x00100010, "PN", "Hong^Gildong");
    gonio_dicom_writer_grey (w, "MONOCHROME2", 64, 64, 8, 8, FALSE);
    gonio_dicom_writer_fragments (w, &streams[k], 1);
    files[k] = gonio_dicom_writer_finish (w);
  }
  for (guint k = 0; k < 6; k++)
    threads[k] = g_thread_new ("load", load_repeatedly, files[k % 3]);
  for (guint k = 0; k < 6; k++)
    g_assert_null (g_thread_join (threads[k]));
  for (guint k = 0; k < 3; k++) {
    g_bytes_unref (streams[k]);
    g_bytes_unref (files[k]);
  }
}

/* ---- colour without compression ---- */

static GonioImage *
colour (const char *model, guint planar, guint bits, gconstpointer data, size_t size)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);

  gonio_dicom_writer_us (w, 0x00280002, 3);
  gonio_dicom_writer_text (w, 0x00280004, "CS", model);
  gonio_dicom_writer_us (w, 0x00280006, planar);
  gonio_dicom_writer_us (w, 0x00280010, 1);
  gonio_dicom_writer_us (w, 0x00280011, 2);
  gonio_dicom_writer_us (w, 0x00280100, bits);
  gonio_dicom_writer_us (w, 0x00280101, bits);
  gonio_dicom_writer_us (w, 0x00280102, bits - 1);
  gonio_dicom_writer_us (w, 0x00280103, 0);
  gonio_dicom_writer_bytes (w, PIXEL_DATA, bits == 8 ? "OB" : "OW", data, size);
  return load (w, 0);
}

static void
assert_rgb (GonioImage *image, const uint8_t want[6], guint tolerance)
{
  g_assert_cmpint (gonio_image_format (image), ==, GONIO_PIXELS_RGB8);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (ABS ((int)((const uint8_t *)gonio_image_pixels (image))[i] - (int)want[i]), <=,
                     (int)tolerance);
}

static void
test_colour_models (void)
{
  static const uint8_t rgb[6] = {255, 0, 0, 10, 20, 30}, planes[6] = {255, 10, 0, 20, 0, 30};
  static const uint8_t wide[12] = {0, 255, 0, 0, 0, 0, 0, 10, 0, 20, 0, 30};
  /* red and (10, 20, 30) by PS3.3 C.7.6.3.1.2 */
  static const uint8_t ybr[6] = {76, 85, 255, 18, 135, 122};
  static const uint8_t packed[4] = {100, 200, 128, 128}, greys[6] = {100, 100, 100, 200, 200, 200};
  g_autoptr (GonioImage) a = colour ("RGB", 0, 8, rgb, 6), b = colour ("RGB", 1, 8, planes, 6);
  g_autoptr (GonioImage) c = colour ("RGB", 0, 16, wide, 12), d = colour ("YBR_FULL", 0, 8, ybr, 6);
  g_autoptr (GonioImage) e = colour ("YBR_FULL_422", 0, 8, packed, 4);

  assert_rgb (a, rgb, 0);
  assert_rgb (b, rgb, 0);
  assert_rgb (c, rgb, 0);
  assert_rgb (d, rgb, 1);
  assert_rgb (e, greys, 0);
}

static void
test_palette (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autoptr (GonioDicomWriter) without = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GonioImage) image = NULL;
  const uint16_t descriptor[3] = {3, 5, 16};
  const uint16_t tables[3][3] = {{0xFFFF, 0, 0x8000}, {0, 0xFFFF, 0x4000}, {0x1000, 0, 0}};
  const uint8_t pixels[4] = {5, 6, 7, 200};
  static const uint8_t want[12] = {255, 0, 16, 0, 255, 0, 128, 64, 0, 128, 64, 0};

  gonio_dicom_writer_grey (w, "PALETTE COLOR", 2, 2, 8, 8, FALSE);
  for (guint c = 0; c < 3; c++)
    gonio_dicom_writer_words (w, 0x00281101 + c, "US", descriptor, 3);
  for (guint c = 0; c < 3; c++)
    gonio_dicom_writer_words (w, 0x00281201 + c, "OW", tables[c], 3);
  gonio_dicom_writer_bytes (w, PIXEL_DATA, "OB", pixels, 4);
  image = load (w, 0);
  g_assert_cmpmem (gonio_image_pixels (image), 12, want, 12);
  gonio_dicom_writer_grey (without, "PALETTE COLOR", 2, 2, 8, 8, FALSE);
  gonio_dicom_writer_bytes (without, PIXEL_DATA, "OB", pixels, 4);
  bytes = gonio_dicom_writer_finish (without);
  gonio_fixture_assert_refused (bytes, GONIO_IMAGE_ERROR_UNSUPPORTED, "palette");
}

/* ---- shared sample sets ---- */

static GonioImage *
load_path (const char *path, guint frame)
{
  g_autoptr (GError) error = NULL;
  GonioImage *image = gonio_image_load (path, frame, NULL, NULL, &error);

  g_assert_no_error (error);
  return image;
}

static void
assert_same (GonioImage *a, GonioImage *b, const char *what)
{
  size_t n = (size_t)gonio_image_width (a) * gonio_image_height (a);
  const GonioWindow *u = gonio_image_window (a), *v = gonio_image_window (b);

  g_assert_cmpuint (gonio_image_width (a), ==, gonio_image_width (b));
  g_assert_cmpuint (gonio_image_height (a), ==, gonio_image_height (b));
  g_assert_cmpint (gonio_image_format (a), ==, gonio_image_format (b));
  g_assert_cmpfloat (u->scale, ==, v->scale);
  g_assert_cmpfloat (u->offset, ==, v->offset);
  if (memcmp (gonio_image_pixels (a), gonio_image_pixels (b),
              n * gonio_pixels_size (gonio_image_format (a))) != 0)
    g_error ("%s: pixels differ from the original", what);
}

/* The originals' pixels read without any of our code: the words behind the element header. */
static void
assert_raw (GonioImage *image, const char *data, gsize size)
{
  guint n = gonio_image_width (image) * gonio_image_height (image);
  const char header[8] = {'\xE0', '\x7F', 0x10, 0, 'O', 'W', 0, 0};
  const char *p = (const char *)memmem (data, size, header, sizeof header) + 12;
  gboolean is_ct = g_str_equal (gonio_image_info (image)->modality, "CT");

  for (guint i = 0; i < n; i++) {
    guint word = (guint8)p[2 * i] | (guint)(guint8)p[2 * i + 1] << 8;
    /* CT1 is signed with intercept -1024; the CRs are plain */
    double want = is_ct ? (gint16)word - 1024.0 : word;

    g_assert_cmpfloat (value_at (image, i), ==, want);
  }
}

/* NEMA WG04: JPEG lossless, JPEG-LS, JPEG 2000 reversible and RLE against REF. */
static void
test_wg04 (void)
{
  static const char *const images[] = {"CT1", "RG1", "RG2", "RG3", "XA1", "NM1"};
  static const char *const lossless[] = {"J2KR", "JLSL", "JPLL", "RLE"};
  g_autofree char *root = gonio_fixture_data ("images/dicom/nema-wg04");
  guint compared = 0, originals = 0;

  for (guint i = 0; root && i < G_N_ELEMENTS (images); i++) {
    g_autofree char *ref = g_strdup_printf ("%s/REF/%s_UNC", root, images[i]);
    g_autofree char *zst = g_strconcat (ref, ".zst", NULL);
    g_autoptr (GonioImage) original = NULL;
    g_autofree char *data = NULL;
    gsize size = 0;

    if (g_file_test (ref, G_FILE_TEST_EXISTS)) {
      g_assert_true (g_file_get_contents (ref, &data, &size, NULL));
    } else if (g_file_test (zst, G_FILE_TEST_EXISTS)) {
      g_autoptr (GSubprocess) zstd =
          g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                            NULL, "zstd", "-dc", zst, NULL);
      g_autoptr (GBytes) out = NULL;

      if (!zstd) {
        g_test_message ("no zstd here: %s is left out", zst);
      } else {
        g_assert_true (g_subprocess_communicate (zstd, NULL, NULL, &out, NULL, NULL));
        data = g_bytes_unref_to_data (g_steal_pointer (&out), &size);
      }
    }
    if (size > 0) {
      g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);

      original = gonio_fixture_load (bytes, 0, NULL);
      g_assert_nonnull (original);
      originals++;
      assert_raw (original, data, size);
    }
    for (guint k = 0; k < G_N_ELEMENTS (lossless); k++) {
      g_autofree char *path =
          g_strdup_printf ("%s/%s/%s_%s", root, lossless[k], images[i], lossless[k]);
      g_autoptr (GonioImage) image = NULL;

      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      image = load_path (path, 0);
      if (!original)
        original = g_steal_pointer (&image); /* without REF the encodings must agree */
      else
        assert_same (original, image, path);
      compared++;
    }
  }
  if (root) {
    g_test_message ("%u encodings of %u originals compared", compared, originals);
    g_assert_cmpuint (compared, >=, 11);
    g_assert_cmpuint (originals, >=, 2);
  }
}

/* One CT in many syntaxes; one small MR and one multi-frame MR in several. */
static void
test_same_content (void)
{
  static const char *const wado = "cornerstonejs+cornerstoneWADOImageLoader/";
  static const struct {
    const char *a, *b;
    guint frame;
  } pairs[] = {
#define CT "examples/test-images/CTImage.dcm_"
      {CT "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
       CT "DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm", 0},
      {CT "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
       CT "JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm", 0},
      {CT "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
       CT "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm", 0},
      {CT "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
       CT "RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm", 0},
      {CT "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
       "testImages/CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm", 0},
#undef CT
#define MF "../cornerstonejs+dicomParser/testImages/encapsulated/multi-frame/CT0012."
      {MF "fragmented_no_bot_jpeg_lossless.57.dcm", MF "fragmented_no_bot_jpeg_lossless.70.dcm", 0},
      {MF "fragmented_no_bot_jpeg_lossless.57.dcm", MF "not_fragmented_bot_jpeg_ls.80.dcm", 1},
      {MF "fragmented_no_bot_jpeg_lossless.57.dcm", MF "not_fragmented_bot_rle.dcm", 1},
#undef MF
#define SF "../cornerstonejs+dicomParser/testImages/encapsulated/single-frame/CT1_UNC."
      {SF "fragmented_bot_jpeg_ls.80.dcm", "../nema-wg04/REF/CT1_UNC", 0},
      {SF "fragmented_no_bot_jpeg_ls.80.dcm", "../nema-wg04/REF/CT1_UNC", 0},
#undef SF
#define MR "../pydicom+pydicom/src/pydicom/data/test_files/MR_small"
      {MR "_RLE.dcm", MR "_bigendian.dcm", 0},
      {MR "_RLE.dcm", MR "_implicit.dcm", 0},
      {MR "_RLE.dcm", MR "_expb.dcm", 0},
      {MR "_RLE.dcm", MR "_jp2klossless.dcm", 0},
      {MR "_RLE.dcm", MR "_jpeg_ls_lossless.dcm", 0},
#undef MR
#define EM "../pydicom+pydicom-data/data_store/data/emri_small_"
      {EM "RLE.dcm", EM "big_endian.dcm", 7},
      {EM "RLE.dcm", EM "jpeg_2k_lossless.dcm", 7},
      {EM "RLE.dcm", EM "jpeg_ls_lossless.dcm", 9},
#undef EM
  };
  g_autofree char *root = gonio_fixture_data ("images/dicom");

  for (guint i = 0; root && i < G_N_ELEMENTS (pairs); i++) {
    g_autofree char *pa = g_build_filename (root, wado, pairs[i].a, NULL);
    g_autofree char *pb = g_build_filename (root, wado, pairs[i].b, NULL);
    g_autoptr (GonioImage) a = load_path (pa, pairs[i].frame);
    g_autoptr (GonioImage) b = load_path (pb, pairs[i].frame);

    assert_same (a, b, pb);
  }
}

/* Names as pydicom's own tests expect them; the files hold no pixels. */
static void
test_charset_files (void)
{
  static const struct {
    const char *file, *name;
  } cases[] = {
      {"chrArab", "قباني^لنزار"},
      {"chrRuss", "Люкceмбypг"},
      {"chrKoreanMulti", "김희중"},
      {"chrJapMultiExplicitIR6", "やまだ^たろう"},
      {"chrH31", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
      {"chrH32", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
      {"chrI2", "Hong^Gildong=洪^吉洞=홍^길동"},
      {"chrX1", "Wang^XiaoDong=王^小東"},
      {"chrX2", "Wang^XiaoDong=王^小东"},
  };
  g_autofree char *root =
      gonio_fixture_data ("images/dicom/pydicom+pydicom/src/pydicom/data/charset_files");
  guint seen = 0;

  for (guint i = 0; root && i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("%s/%s.dcm", root, cases[i].file);
    g_autofree char *data = NULL, *name = NULL;
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (GonioDicomFile) file = NULL;
    gsize size = 0;

    if (!g_file_get_contents (path, &data, &size, NULL))
      continue;
    bytes = g_bytes_new (data, size);
    file = gonio_dicom_file_open (bytes, NULL, NULL);
    g_assert_nonnull (file);
    name = gonio_dicom_file_text (file, 0, 0, 0x00100010);
    g_assert_cmpstr (name, ==, cases[i].name);
    seen++;
  }
  if (root)
    g_assert_cmpuint (seen, >=, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dicom-encodings/rle", test_rle);
  g_test_add_func ("/dicom-encodings/rle-damage", test_rle_damage);
  g_test_add_func ("/dicom-encodings/jpeg-fragments", test_jpeg_fragments);
  g_test_add_func ("/dicom-encodings/jpeg-colour", test_jpeg_colour);
  g_test_add_func ("/dicom-encodings/jpeg-damage", test_jpeg_damage);
  g_test_add_func ("/dicom-encodings/j2k-signs", test_j2k_signs);
  g_test_add_func ("/dicom-encodings/j2k-colour-and-damage", test_j2k_colour_and_damage);
  g_test_add_func ("/dicom-encodings/threads", test_threads);
  g_test_add_func ("/dicom-encodings/colour-models", test_colour_models);
  g_test_add_func ("/dicom-encodings/palette", test_palette);
  g_test_add_func ("/dicom-encodings/wg04", test_wg04);
  g_test_add_func ("/dicom-encodings/same-content", test_same_content);
  g_test_add_func ("/dicom-encodings/charset-files", test_charset_files);
  return g_test_run ();
}
