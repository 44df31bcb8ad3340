/* core/imaging/dicom*.c and the shim: pixels, values, windows, spacing, identity and limits on
 * files built here; encodings against each other on the shared sample sets (test-dicom-data.c).
 */
#include "core/imaging/dicom.h"
#include "core/imaging/load-private.h"
#include "tests/support/dicom-writer.h"
#include "tests/support/image-fixture.h"

#include <math.h>
#include <string.h>

#define PIXEL_DATA 0x7FE00010

static GonioImage *
load (GonioDicomWriter *w, guint frame)
{
  g_autoptr (GBytes) bytes = gonio_dicom_writer_finish (w);
  g_autoptr (GError) error = NULL;
  GonioImage *image = gonio_fixture_load (bytes, frame, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (gonio_image_info (image)->format, ==, "DICOM");
  return image;
}

static void
refuse (GonioDicomWriter *w, GonioImageError code, const char *needle)
{
  g_autoptr (GBytes) bytes = gonio_dicom_writer_finish (w);

  gonio_fixture_assert_refused (bytes, code, needle);
}

static double
value_at (GonioImage *image, guint i)
{
  const GonioWindow *w = gonio_image_window (image);

  return gonio_image_grey16 (image)[i] * w->scale + w->offset;
}

static void
text (GonioDicomWriter *w, guint32 tag, const char *vr, const char *value)
{
  gonio_dicom_writer_text (w, tag, vr, value);
}

/* A 16 x 16 grey image of 16-bit words with what extra adds between header and pixels. */
static GonioDicomWriter *
grey16 (const char *photometric, guint stored, gboolean is_signed)
{
  GonioDicomWriter *w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);

  gonio_dicom_writer_grey (w, photometric, 16, 16, 16, stored, is_signed);
  return w;
}

static void
ramp (uint16_t words[256], int first, int step)
{
  for (int i = 0; i < 256; i++)
    words[i] = (uint16_t)(first + i * step);
}

/* ---- values ---- */

/* Every width and sign, every native syntax, rising and falling slopes: pixel * scale + offset is
 * exactly stored * slope + intercept, and brighter pixels are larger values. */
static void
test_values (void)
{
  static const guint widths[] = {8, 9, 10, 12, 14, 15, 16};
  static const char *const syntaxes[] = {GONIO_TS_IMPLICIT, GONIO_TS_EXPLICIT, GONIO_TS_DEFLATED};
  static const struct {
    const char *slope, *intercept;
    double a, b;
  } lines[] = {{NULL, NULL, 1, 0}, {"2.5", "-1024", 2.5, -1024}, {"-0.5", "10", -0.5, 10}};

  for (guint k = 0; k < G_N_ELEMENTS (widths) * 2 * 3 * 3; k++) {
    guint bits = widths[k % 7], line = k / 7 % 3, syntax = k / 21 % 3;
    gboolean is_signed = k / 63 == 1;
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (syntaxes[syntax]);
    g_autoptr (GonioImage) image = NULL;
    int stored[256];
    uint16_t words[256];

    for (guint i = 0; i < 256; i++) {
      stored[i] = (int)((i * 2654435761u) >> (32 - bits)) - (is_signed ? 1 << (bits - 1) : 0);
      words[i] = (uint16_t)stored[i];
    }
    gonio_dicom_writer_grey (w, "MONOCHROME2", 16, 16, 16, bits, is_signed);
    if (lines[line].slope) {
      text (w, 0x00281052, "DS", lines[line].intercept);
      text (w, 0x00281053, "DS", lines[line].slope);
    }
    gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
    image = load (w, 0);
    g_assert_cmpfloat (gonio_image_window (image)->scale, >, 0);
    for (guint i = 0; i < 256; i++)
      g_assert_cmpfloat_with_epsilon (value_at (image, i),
                                      stored[i] * lines[line].a + lines[line].b, 1e-6);
  }
}

static void
test_eight_bits (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autoptr (GonioImage) image = NULL;
  uint8_t bytes[15];

  for (guint i = 0; i < 15; i++)
    bytes[i] = (uint8_t)(i * 17);
  gonio_dicom_writer_grey (w, "MONOCHROME2", 5, 3, 8, 8, FALSE);
  gonio_dicom_writer_bytes (w, PIXEL_DATA, "OB", bytes, 15); /* odd: padded */
  image = load (w, 0);
  for (guint i = 0; i < 15; i++)
    g_assert_cmpuint (gonio_image_grey16 (image)[i], ==, bytes[i] * 257);
}

/* Overlay bits above the value and a value in the upper bits. */
static void
test_bit_positions (void)
{
  g_autoptr (GonioDicomWriter) low = grey16 ("MONOCHROME2", 12, FALSE);
  g_autoptr (GonioDicomWriter) high = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autoptr (GonioImage) a = NULL, b = NULL;
  uint16_t words[256];

  for (guint i = 0; i < 256; i++)
    words[i] = (uint16_t)(i * 16 | (i & 1 ? 0xF000 : 0));
  gonio_dicom_writer_words (low, PIXEL_DATA, "OW", words, 256);
  a = load (low, 0);
  for (guint i = 0; i < 256; i++)
    words[i] = (uint16_t)(i * 16 << 4 | (i & 0xF));
  gonio_dicom_writer_us (high, 0x00280002, 1);
  text (high, 0x00280004, "CS", "MONOCHROME2");
  gonio_dicom_writer_us (high, 0x00280010, 16);
  gonio_dicom_writer_us (high, 0x00280011, 16);
  gonio_dicom_writer_us (high, 0x00280100, 16);
  gonio_dicom_writer_us (high, 0x00280101, 12);
  gonio_dicom_writer_us (high, 0x00280102, 15);
  gonio_dicom_writer_us (high, 0x00280103, 0);
  gonio_dicom_writer_words (high, PIXEL_DATA, "OW", words, 256);
  b = load (high, 0);
  for (guint i = 0; i < 256; i++) {
    g_assert_cmpfloat (value_at (a, i), ==, i * 16);
    g_assert_cmpfloat (value_at (b, i), ==, i * 16);
  }
}

static GonioDicomWriter *
lut_item (int first, guint bits, const uint16_t *entries, guint n, gboolean signed_vr)
{
  GonioDicomWriter *item = gonio_dicom_writer_new (NULL);
  const uint16_t descriptor[3] = {(uint16_t)n, (uint16_t)first, (uint16_t)bits};

  gonio_dicom_writer_words (item, 0x00283002, signed_vr ? "SS" : "US", descriptor, 3);
  gonio_dicom_writer_words (item, 0x00283006, "OW", entries, n);
  return item;
}

/* Stored values below and above the table take its ends. */
static void
test_modality_lut (void)
{
  static const uint16_t entries[4] = {100, 90, 400, 1023};
  g_autoptr (GonioDicomWriter) w = grey16 ("MONOCHROME2", 12, TRUE);
  g_autoptr (GonioDicomWriter) item = lut_item (-2, 10, entries, 4, TRUE);
  g_autoptr (GonioImage) image = NULL;
  uint16_t words[256];

  ramp (words, -100, 1);
  gonio_dicom_writer_sequence (w, 0x00283000, item);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  image = load (w, 0);
  g_assert_cmpfloat_with_epsilon (value_at (image, 0), 100, 1e-9);
  g_assert_cmpfloat_with_epsilon (value_at (image, 98), 100, 1e-9);
  g_assert_cmpfloat_with_epsilon (value_at (image, 99), 90, 1e-9);
  g_assert_cmpfloat_with_epsilon (value_at (image, 100), 400, 1e-9);
  g_assert_cmpfloat_with_epsilon (value_at (image, 101), 1023, 1e-9);
  g_assert_cmpfloat_with_epsilon (value_at (image, 255), 1023, 1e-9);
}

/* ---- window ---- */

static void
add_window (GonioDicomWriter *w, const char *center, const char *width, const char *function)
{
  text (w, 0x00281050, "DS", center);
  text (w, 0x00281051, "DS", width);
  if (function)
    text (w, 0x00281056, "CS", function);
}

/* A ramp 0..4080 in steps of 16 with this window. */
static GonioImage *
windowed (const char *photometric, const char *center, const char *width, const char *function,
          const char *shape)
{
  g_autoptr (GonioDicomWriter) w = grey16 (photometric, 12, FALSE);
  uint16_t words[256];

  ramp (words, 0, 16);
  if (center)
    add_window (w, center, width, function);
  if (shape)
    text (w, 0x20500020, "CS", shape);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  return load (w, 0);
}

static void
assert_level (GonioImage *image, guint i, double want)
{
  g_autofree uint8_t *grey = gonio_image_render_grey8 (image, NULL);

  g_assert_cmpfloat_with_epsilon (grey[i], want * 255, 0.51);
}

static void
test_window_functions (void)
{
  g_autoptr (GonioImage) linear = windowed ("MONOCHROME2", "2048\\40", "2048\\400", NULL, NULL);
  g_autoptr (GonioImage) exact = windowed ("MONOCHROME2", "2048", "2048", "LINEAR_EXACT", NULL);
  g_autoptr (GonioImage) sigmoid = windowed ("MONOCHROME2", "2048", "1024", "SIGMOID", NULL);
  g_autoptr (GonioImage) none = windowed ("MONOCHROME2", NULL, NULL, NULL, NULL);

  g_assert_cmpint (gonio_image_window (linear)->kind, ==, GONIO_VOI_LINEAR);
  for (guint i = 0; i < 256; i++) {
    double x = i * 16;

    assert_level (linear, i, CLAMP ((x - 2047.5) / 2047 + 0.5, 0, 1));
    assert_level (exact, i, CLAMP ((x - 2048) / 2048 + 0.5, 0, 1));
    assert_level (sigmoid, i, 1 / (1 + exp (-4 * (x - 2048) / 1024)));
    assert_level (none, i, x / 4080); /* full range of the picture */
  }
}

/* MONOCHROME1 mirrors the level after the window, so a sigmoid and its centre stay in place;
 * INVERSE beside it says the same and does not undo it. */
static void
test_inversion (void)
{
  static const struct {
    const char *photometric, *shape;
    gboolean inverted;
  } cases[] = {
      {"MONOCHROME2", NULL, FALSE},     {"MONOCHROME2", "IDENTITY", FALSE},
      {"MONOCHROME2", "INVERSE", TRUE}, {"MONOCHROME1", NULL, TRUE},
      {"MONOCHROME1", "INVERSE", TRUE}, {"MONOCHROME1", "IDENTITY", TRUE},
  };

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++) {
    g_autoptr (GonioImage) image =
        windowed (cases[k].photometric, "1000", "700", "SIGMOID", cases[k].shape);

    for (guint i = 0; i < 256; i += 5) {
      double y = 1 / (1 + exp (-4 * (i * 16 - 1000.0) / 700));

      assert_level (image, i, cases[k].inverted ? 1 - y : y);
      g_assert_cmpfloat_with_epsilon (value_at (image, i), i * 16, 1e-9); /* values are not */
    }
  }
}

/* Windows and tables that would show a white or black square give way to an automatic window. */
static void
test_broken_windows (void)
{
  static const struct {
    const char *center, *width;
  } cases[] = {{"1", "0"},     {"-30000", "100"}, {"60000", "10"},
               {"2048", "-5"}, {"abc", "def"},    {"1e999", "10"}};

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++) {
    g_autoptr (GonioImage) image =
        windowed ("MONOCHROME2", cases[k].center, cases[k].width, NULL, NULL);

    assert_level (image, 0, 0);
    assert_level (image, 255, 1);
    g_assert_cmpfloat (gonio_image_window (image)->width, >, 3500);
  }
}

static GonioImage *
with_voi_lut (int first, guint bits, const uint16_t *entries, guint n, gboolean window)
{
  g_autoptr (GonioDicomWriter) w = grey16 ("MONOCHROME2", 12, FALSE);
  g_autoptr (GonioDicomWriter) item = lut_item (first, bits, entries, n, FALSE);
  uint16_t words[256];

  ramp (words, 0, 16);
  if (window)
    add_window (w, "2048", "4096", NULL);
  gonio_dicom_writer_sequence (w, 0x00283010, item);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  return load (w, 0);
}

static void
test_voi_lut (void)
{
  uint16_t curve[4096], flat[4096];
  g_autoptr (GonioImage) good = NULL, lying = NULL, broken = NULL, fallback = NULL,
                         automatic = NULL;

  for (guint i = 0; i < 4096; i++) {
    curve[i] = (uint16_t)(i * i / 4096); /* 12 bits */
    flat[i] = 4095;
  }
  good = with_voi_lut (0, 12, curve, 4096, TRUE);
  lying = with_voi_lut (0, 8, curve, 4096, TRUE); /* the entries need 12 bits, whatever it says */
  g_assert_cmpint (gonio_image_window (good)->kind, ==, GONIO_VOI_LUT);
  for (guint i = 0; i < 256; i += 3) {
    assert_level (good, i, curve[i * 16] / 4095.0);
    assert_level (lying, i, curve[i * 16] / 4095.0);
  }
  /* A table that makes everything white: the window is used, or an automatic one. */
  fallback = with_voi_lut (0, 12, flat, 4096, TRUE);
  g_assert_cmpint (gonio_image_window (fallback)->kind, ==, GONIO_VOI_LINEAR);
  automatic = with_voi_lut (0, 12, flat, 4096, FALSE);
  assert_level (automatic, 255, 1);
  assert_level (automatic, 0, 0);
  /* A table that ends far below the picture's values: the same. */
  broken = with_voi_lut (0, 12, curve, 4, FALSE);
  assert_level (broken, 128, 0.5);
}

static void
test_padding (void)
{
  g_autoptr (GonioDicomWriter) w = grey16 ("MONOCHROME2", 16, TRUE);
  g_autoptr (GonioImage) image = NULL;
  const uint16_t padding = (uint16_t)-2000;
  uint16_t words[256];

  ramp (words, 100, 1);
  for (guint i = 0; i < 100; i++)
    words[i] = padding;
  gonio_dicom_writer_words (w, 0x00280120, "SS", &padding, 1);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  image = load (w, 0);
  assert_level (image, 100, 0); /* not lifted by the padding */
  assert_level (image, 255, 1);
}

/* ---- geometry and identity ---- */

static void
test_spacing (void)
{
  static const struct {
    const char *pixel, *imager, *type, *factor, *scanned, *aspect;
    double row, column;
    GonioSpacingSource source;
  } cases[] = {
      /* rows first: 0.2 is between rows, so down */
      {"0.2\\0.1", NULL, "FIDUCIAL", NULL, NULL, NULL, 0.2, 0.1, GONIO_SPACING_FIDUCIAL},
      {"0.2\\0.1", "0.3\\0.15", "GEOMETRY", NULL, NULL, NULL, 0.2, 0.1, GONIO_SPACING_GEOMETRY},
      {"0.2\\0.1", NULL, NULL, NULL, NULL, NULL, 0.2, 0.1, GONIO_SPACING_UNKNOWN},
      {NULL, "0.2\\0.1", NULL, NULL, NULL, NULL, 0.2, 0.1, GONIO_SPACING_DETECTOR},
      {"0.2\\0.1", "0.2\\0.1", NULL, NULL, NULL, NULL, 0.2, 0.1, GONIO_SPACING_DETECTOR},
      {"0.18\\0.09", "0.2\\0.1", NULL, NULL, NULL, NULL, 0.18, 0.09, GONIO_SPACING_GEOMETRY},
      {NULL, "0.2\\0.1", NULL, "1.25", NULL, NULL, 0.16, 0.08, GONIO_SPACING_GEOMETRY},
      {NULL, "0.2\\0.1", NULL, "0", NULL, NULL, 0.2, 0.1, GONIO_SPACING_DETECTOR},
      {NULL, NULL, NULL, NULL, "0.175\\0.175", NULL, 0.175, 0.175, GONIO_SPACING_DETECTOR},
      {NULL, NULL, NULL, NULL, NULL, "4\\3", 4.0 / 3, 1, GONIO_SPACING_NONE},
      {"0\\0", NULL, NULL, NULL, NULL, NULL, 0, 0, GONIO_SPACING_NONE},
      {"-1\\0.2", NULL, NULL, NULL, NULL, NULL, 0, 0, GONIO_SPACING_NONE},
      {"1e9\\1e9", NULL, NULL, NULL, NULL, NULL, 0, 0, GONIO_SPACING_NONE},
      {"0.2", NULL, NULL, NULL, NULL, NULL, 0, 0, GONIO_SPACING_NONE},
  };

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
    g_autoptr (GonioImage) image = NULL;
    const GonioSpacing *s = NULL;
    uint16_t words[256] = {0};

    if (cases[k].factor)
      text (w, 0x00181114, "DS", cases[k].factor);
    if (cases[k].imager)
      text (w, 0x00181164, "DS", cases[k].imager);
    if (cases[k].scanned)
      text (w, 0x00182010, "DS", cases[k].scanned);
    gonio_dicom_writer_grey (w, "MONOCHROME2", 16, 16, 16, 12, FALSE);
    if (cases[k].pixel)
      text (w, 0x00280030, "DS", cases[k].pixel);
    if (cases[k].aspect)
      text (w, 0x00280034, "IS", cases[k].aspect);
    if (cases[k].type)
      text (w, 0x00280A02, "CS", cases[k].type);
    gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
    image = load (w, 0);
    s = gonio_image_spacing (image);
    g_assert_cmpint (s->source, ==, cases[k].source);
    g_assert_cmpfloat_with_epsilon (s->row_mm, cases[k].row, 1e-9);
    g_assert_cmpfloat_with_epsilon (s->column_mm, cases[k].column, 1e-9);
  }
}

static void
test_identity (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autoptr (GonioDicomWriter) view = gonio_dicom_writer_new (NULL);
  g_autoptr (GonioImage) image = NULL;
  const GonioImageInfo *info = NULL;
  uint16_t words[256] = {0};

  text (view, 0x00080104, "LO", "antero-posterior");
  text (w, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.1.1");
  text (w, 0x00080018, "UI", "1.2.3.4");
  text (w, 0x00080020, "DA", "20240229");
  text (w, 0x00080050, "SH", "A-17");
  text (w, 0x00080060, "CS", "DX");
  text (w, 0x00081030, "LO", "Foot\tweight bearing");
  text (w, 0x00100010, "PN", "Doe^Jane^^Dr");
  text (w, 0x00100020, "LO", " 0815 ");
  text (w, 0x00100030, "DA", "19700101");
  text (w, 0x00100040, "CS", "F");
  text (w, 0x00180015, "CS", "FOOT");
  text (w, 0x00185101, "CS", "AP");
  text (w, 0x0020000D, "UI", "1.2.3");
  text (w, 0x0020000E, "UI", "1.2.3.1");
  text (w, 0x00200020, "CS", "L\\F");
  text (w, 0x00200060, "CS", "L");
  text (w, 0x00200062, "CS", "R");
  gonio_dicom_writer_grey (w, "MONOCHROME2", 16, 16, 16, 12, FALSE);
  gonio_dicom_writer_sequence (w, 0x00540220, view);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  image = load (w, 0);
  info = gonio_image_info (image);
  g_assert_cmpstr (info->modality, ==, "DX");
  g_assert_cmpstr (info->sop_class, ==, "Digital X Ray Image Storage For Presentation");
  g_assert_cmpstr (info->sop_instance_uid, ==, "1.2.3.4");
  g_assert_cmpstr (info->study_date, ==, "20240229");
  g_assert_cmpstr (info->accession_number, ==, "A-17");
  g_assert_cmpstr (info->study_description, ==, "Footweight bearing");
  g_assert_cmpstr (info->patient_name, ==, "Doe^Jane^^Dr");
  g_assert_cmpstr (info->patient_id, ==, "0815");
  g_assert_cmpstr (info->patient_birth_date, ==, "19700101");
  g_assert_cmpstr (info->patient_sex, ==, "F");
  g_assert_cmpstr (info->body_part, ==, "FOOT");
  g_assert_cmpstr (info->view_position, ==, "AP");
  g_assert_cmpstr (info->view_code_meaning, ==, "antero-posterior");
  g_assert_cmpstr (info->study_uid, ==, "1.2.3");
  g_assert_cmpstr (info->series_uid, ==, "1.2.3.1");
  g_assert_cmpstr (info->patient_orientation, ==, "L\\F");
  g_assert_cmpstr (info->transfer_syntax, ==, "Little Endian Explicit");
  /* Image Laterality stands above the series' Laterality. */
  g_assert_cmpint (gonio_image_side (image), ==, GONIO_SIDE_RIGHT);
}

/* Names in the character sets of PS3.5 annexes H, I and J, and what writers get wrong. */
static void
test_names (void)
{
  static const struct {
    const char *charset, *raw, *want;
  } cases[] = {
      {NULL, "Yamada^Tarou", "Yamada^Tarou"},
      {"ISO_IR 100", "Buc^J\xE9r\xF4me", "Buc^Jérôme"},
      {"ISO_IR 144", "\xBB\xEE\xDA\x63\x65\xDC\xD1y\x70\xD3", "Люкceмбypг"},
      {"ISO_IR 192", "김^희중", "김^희중"},
      {"GB18030", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB", "Wang^XiaoDong=王^小东"},
      /* H.3.1: code extensions from ASCII to IR 87 */
      {"\\ISO 2022 IR 87",
       "Yamada^Tarou=\033$B;3ED\033(B^\033$BB@O:\033(B=\033$B$d$^$@\033(B^\033$B$?$m$&\033(B",
       "Yamada^Tarou=山田^太郎=やまだ^たろう"},
      /* H.3.2: half-width katakana in IR 13 */
      {"ISO 2022 IR 13\\ISO 2022 IR 87",
       "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\033$B;3ED\033(J^\033$BB@O:\033(J="
       "\033$B$d$^$@\033(J^\033$B$?$m$&\033(J",
       "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
      /* IR 159, supplementary kanji: 丂 */
      {"\\ISO 2022 IR 159", "Test=\033$(D0!\033(B", "Test=丂"},
      /* I.2: Korean */
      {"\\ISO 2022 IR 149",
       "Hong^Gildong=\033$)C\xFB\xF3^\033$)C\xD1\xCE\xD4\xD7=\033$)C\xC8\xAB^\033$)"
       "C\xB1\xE6\xB5\xBF",
       "Hong^Gildong=洪^吉洞=홍^길동"},
      /* J.3: Chinese by IR 58 */
      {"\\ISO 2022 IR 58",
       "Zhang^XiaoDong=\033$)A\xD5\xC5^\033$)A\xD0\xA1\xB6\xAB=", "Zhang^XiaoDong=张^小东="},
      /* declared ASCII, or nonsense: UTF-8 or Latin-1 by the look of it */
      {NULL, "M\xC3\xBCller", "Müller"},
      {NULL, "M\xFCller", "Müller"},
      {"ISO_IR 99999", "M\xFCller", "Müller"},
      {"ISO_IR 192", "M\xFCller^\xFF\xFE", "Müller^ÿþ"},
      {NULL, "Line\none\x01\x7F", "Lineone"},
      {NULL, "   ", NULL},
  };

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
    g_autoptr (GonioImage) image = NULL;
    uint16_t words[256] = {0};

    if (cases[k].charset)
      text (w, 0x00080005, "CS", cases[k].charset);
    text (w, 0x00100010, "PN", cases[k].raw);
    gonio_dicom_writer_grey (w, "MONOCHROME2", 16, 16, 16, 12, FALSE);
    gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
    image = load (w, 0);
    g_assert_cmpstr (gonio_image_info (image)->patient_name, ==, cases[k].want);
  }
}

/* Enhanced objects keep a frame's attributes in functional groups. */
static void
test_functional_groups (void)
{
  g_autoptr (GonioDicomWriter) w = grey16 ("MONOCHROME2", 12, FALSE);
  g_autoptr (GonioDicomWriter) shared = gonio_dicom_writer_new (NULL);
  g_autoptr (GonioDicomWriter) own = gonio_dicom_writer_new (NULL);
  g_autoptr (GonioDicomWriter) measures = gonio_dicom_writer_new (NULL);
  g_autoptr (GonioDicomWriter) voi = gonio_dicom_writer_new (NULL);
  g_autoptr (GonioDicomWriter) values = gonio_dicom_writer_new (NULL);
  g_autoptr (GonioDicomWriter) anatomy = gonio_dicom_writer_new (NULL);
  g_autoptr (GonioImage) image = NULL;
  uint16_t words[256];

  ramp (words, 0, 16);
  text (measures, 0x00280030, "DS", "0.4\\0.3");
  text (anatomy, 0x00209072, "CS", "L");
  gonio_dicom_writer_sequence (shared, 0x00209071, anatomy);
  gonio_dicom_writer_sequence (shared, 0x00289110, measures);
  add_window (voi, "100", "50", "LINEAR_EXACT");
  gonio_dicom_writer_sequence (own, 0x00289132, voi);
  text (values, 0x00281052, "DS", "-1000");
  text (values, 0x00281053, "DS", "1");
  gonio_dicom_writer_sequence (own, 0x00289145, values);
  gonio_dicom_writer_sequence (w, 0x52009229, shared);
  gonio_dicom_writer_sequence (w, 0x52009230, own);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  image = load (w, 0);
  g_assert_cmpfloat (gonio_image_spacing (image)->row_mm, ==, 0.4);
  g_assert_cmpfloat (gonio_image_window (image)->center, ==, 100);
  g_assert_cmpfloat_with_epsilon (value_at (image, 255), 4080 - 1000, 1e-9);
  g_assert_cmpint (gonio_image_side (image), ==, GONIO_SIDE_LEFT);
}

/* ---- frames and what is not there ---- */

static GBytes *
three_frames (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autofree uint16_t *words = g_new (uint16_t, 3 * 64 * 64);

  for (guint i = 0; i < 3 * 64 * 64; i++)
    words[i] = (uint16_t)(i / 4096 * 1000 + i % 7);
  text (w, 0x00280008, "IS", "3");
  gonio_dicom_writer_grey (w, "MONOCHROME2", 64, 64, 16, 12, FALSE);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 3 * 64 * 64);
  return gonio_dicom_writer_finish (w);
}

static void
test_frames (void)
{
  g_autoptr (GBytes) bytes = three_frames ();
  gsize size = g_bytes_get_size (bytes);
  g_autoptr (GBytes) cut = gonio_fixture_cut (bytes, size - 8192 - 100);
  g_autoptr (GError) error = NULL;

  for (guint frame = 0; frame < 3; frame++) {
    g_autoptr (GonioImage) image = gonio_fixture_load (bytes, frame, NULL);

    g_assert_cmpuint (gonio_image_info (image)->frames, ==, 3);
    g_assert_cmpuint (gonio_image_info (image)->frame, ==, frame);
    g_assert_cmpfloat_with_epsilon (value_at (image, 10), frame * 1000 + (frame * 4096 + 10) % 7,
                                    1e-9);
  }
  g_assert_null (gonio_fixture_load (bytes, 3, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  /* The first frame of a truncated file is whole, the others are refused with the amount. */
  {
    g_autoptr (GonioImage) first = gonio_fixture_load (cut, 0, &error);

    g_assert_no_error (error);
    g_assert_nonnull (first);
  }
  g_assert_null (gonio_fixture_load (cut, 1, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED);
  g_assert_nonnull (strstr (error->message, "16284 bytes of 16384"));
}

static void
test_truncated (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autofree uint16_t *words = g_new0 (uint16_t, 1732 * 1732);
  g_autoptr (GBytes) bytes = NULL;
  gsize size = 0;

  gonio_dicom_writer_grey (w, "MONOCHROME2", 1732, 1732, 16, 12, FALSE);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 1732 * 1732);
  bytes = gonio_dicom_writer_finish (w);
  size = g_bytes_get_size (bytes);
  {
    g_autoptr (GBytes) cut = gonio_fixture_cut (bytes, size - 4800000);

    gonio_fixture_assert_refused (cut, GONIO_IMAGE_ERROR_MALFORMED, "(1.2 of 6.0 MB)");
  }
  for (gsize n = 0; n < 400; n += 3) {
    g_autoptr (GBytes) cut = gonio_fixture_cut (bytes, n);
    g_autoptr (GonioImage) image = NULL;
    g_autoptr (GError) error = NULL;

    image = gonio_fixture_load (cut, 0, &error);
    g_assert_null (image);
    g_assert_nonnull (error);
  }
}

/* Small pixel data are read at once by the parser; their end must be missed too. */
static void
test_truncated_small (void)
{
  g_autoptr (GonioDicomWriter) w = grey16 ("MONOCHROME2", 12, FALSE);
  uint16_t words[256] = {0};
  g_autoptr (GBytes) bytes = NULL, cut = NULL;

  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  bytes = gonio_dicom_writer_finish (w);
  cut = gonio_fixture_cut (bytes, g_bytes_get_size (bytes) - 2);
  gonio_fixture_assert_refused (cut, GONIO_IMAGE_ERROR_MALFORMED, "510 bytes of 512");
}

static void
test_not_images (void)
{
  static const struct {
    const char *uid, *needle;
  } cases[] = {
      {"1.2.840.10008.5.1.4.1.1.88.22", "structured report"},
      {"1.2.840.10008.5.1.4.1.1.11.1", "presentation state"},
      {"1.2.840.10008.5.1.4.1.1.481.5", "radiotherapy plan"},
      {"1.2.840.10008.5.1.4.1.1.481.3", "contours"},
      {"1.2.840.10008.5.1.4.1.1.104.1", "document"},
      {"1.2.840.10008.5.1.4.1.1.9.1.1", "waveform"},
      {"1.2.840.10008.5.1.4.1.1.88.59", "selected images"},
      {"1.2.840.10008.1.3.10", "DICOMDIR"},
      {"1.2.840.10008.5.1.4.1.1.1", "holds no pixel data"},
      {"9.9.9", ""},
  };

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);

    text (w, 0x00080016, "UI", cases[k].uid);
    text (w, 0x00080060, "CS", "OT");
    refuse (w, GONIO_IMAGE_ERROR_NOT_IMAGE, cases[k].needle);
  }
}

static void
test_unusual_pixels (void)
{
  static const struct {
    guint samples, allocated;
    GonioImageError code;
    const char *needle;
  } cases[] = {
      {1, 1, GONIO_IMAGE_ERROR_UNSUPPORTED, "mask"},
      {1, 32, GONIO_IMAGE_ERROR_UNSUPPORTED, "32 bits"},
      {1, 12, GONIO_IMAGE_ERROR_UNSUPPORTED, "12 bits"},
      {4, 8, GONIO_IMAGE_ERROR_UNSUPPORTED, "4 channels"},
      {1, 0, GONIO_IMAGE_ERROR_MALFORMED, "Bits Allocated"},
  };

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++) {
    g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
    uint16_t words[256] = {0};

    gonio_dicom_writer_us (w, 0x00280002, cases[k].samples);
    gonio_dicom_writer_us (w, 0x00280010, 4);
    gonio_dicom_writer_us (w, 0x00280011, 4);
    gonio_dicom_writer_us (w, 0x00280100, cases[k].allocated);
    gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
    refuse (w, cases[k].code, cases[k].needle);
  }
}

/* ---- bounds ---- */

static void
test_deep_nesting (void)
{
  static const guint depths[] = {50, 2000, 200000};

  for (guint k = 0; k < G_N_ELEMENTS (depths); k++) {
    GByteArray *set = g_byte_array_new ();
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (GonioImage) image = NULL;
    g_autoptr (GError) error = NULL;

    /* implicit VR: sequence and item of undefined length, over and over */
    for (guint i = 0; i < depths[k]; i++)
      g_byte_array_append (set,
                           (const guint8 *)"\x08\x00\x40\x11\xFF\xFF\xFF\xFF"
                                           "\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF",
                           16);
    bytes = g_byte_array_free_to_bytes (set);
    {
      g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_IMPLICIT);
      g_autoptr (GBytes) head = gonio_dicom_writer_finish (w);
      GByteArray *file = g_byte_array_new ();
      g_autoptr (GBytes) whole = NULL;
      gsize n = 0;
      gconstpointer p = g_bytes_get_data (head, &n);

      g_byte_array_append (file, p, (guint)n);
      p = g_bytes_get_data (bytes, &n);
      g_byte_array_append (file, p, (guint)n);
      whole = g_byte_array_free_to_bytes (file);
      image = gonio_fixture_load (whole, 0, &error);
    }
    g_assert_null (image);
    g_assert_nonnull (error);
    if (depths[k] > 1000)
      g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT);
  }
}

static void
test_many_elements (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  guint32 tag = 0x00090010;

  for (guint i = 0; i < 3 * 1000 * 1000; i++, tag++)
    gonio_dicom_writer_bytes (w, tag, "LO", "", 0);
  refuse (w, GONIO_IMAGE_ERROR_LIMIT, "millions of elements");
}

static void
test_size_limits (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autoptr (GonioDicomWriter) wide = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  g_autoptr (GonioDicomWriter) empty = gonio_dicom_writer_new (GONIO_TS_EXPLICIT);
  uint16_t words[256] = {0};

  gonio_dicom_writer_grey (w, "MONOCHROME2", 60000, 60000, 16, 12, FALSE);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  refuse (w, GONIO_IMAGE_ERROR_LIMIT, "too large");
  gonio_dicom_writer_grey (wide, "MONOCHROME2", 15000, 15000, 16, 12, FALSE);
  gonio_dicom_writer_words (wide, PIXEL_DATA, "OW", words, 256);
  refuse (wide, GONIO_IMAGE_ERROR_MALFORMED, "512 bytes of 450.0 MB");
  gonio_dicom_writer_grey (empty, "MONOCHROME2", 16, 0, 16, 12, FALSE);
  gonio_dicom_writer_words (empty, PIXEL_DATA, "OW", words, 256);
  refuse (empty, GONIO_IMAGE_ERROR_MALFORMED, "rows and columns");
}

/* 1 GB of zeros packed to 1 MB. */
static void
test_deflate_bomb (void)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (GONIO_TS_DEFLATED);
  g_autofree uint8_t *zeros = g_malloc0 ((size_t)1 << 30);

  if (!g_test_slow ()) {
    g_test_skip ("needs 3 GB of memory; run with -m slow");
    return;
  }
  gonio_dicom_writer_bytes (w, PIXEL_DATA, "OB", zeros, (size_t)1 << 30);
  refuse (w, GONIO_IMAGE_ERROR_LIMIT, "unpacked");
}

static void
test_cancel (void)
{
  g_autoptr (GBytes) bytes = three_frames ();
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancelled);
  g_assert_null (gonio_image_formats ()->load (bytes, 0, NULL, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Every byte of a small file changed: an image or an error, never neither or both. */
static void
test_byte_garbage (void)
{
  static const uint8_t values[] = {0x00, 0x01, 0x7F, 0xFF};
  g_autoptr (GonioDicomWriter) w = grey16 ("MONOCHROME2", 12, FALSE);
  g_autoptr (GBytes) bytes = NULL;
  uint16_t words[256] = {0};
  g_autofree uint8_t *data = NULL;
  gsize size = 0;

  add_window (w, "100", "50", NULL);
  gonio_dicom_writer_words (w, PIXEL_DATA, "OW", words, 256);
  bytes = gonio_dicom_writer_finish (w);
  size = g_bytes_get_size (bytes);
  data = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  for (gsize at = 132; at < size - 512; at++) {
    uint8_t old = data[at];

    for (guint v = 0; v < G_N_ELEMENTS (values); v++) {
      g_autoptr (GBytes) broken = NULL;
      g_autoptr (GonioImage) image = NULL;
      g_autoptr (GError) error = NULL;

      data[at] = values[v];
      broken = g_bytes_new (data, size);
      image = gonio_fixture_load (broken, 0, &error);
      g_assert_true ((image == NULL) == (error != NULL));
    }
    data[at] = old;
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dicom/values", test_values);
  g_test_add_func ("/dicom/eight-bits", test_eight_bits);
  g_test_add_func ("/dicom/bit-positions", test_bit_positions);
  g_test_add_func ("/dicom/modality-lut", test_modality_lut);
  g_test_add_func ("/dicom/window-functions", test_window_functions);
  g_test_add_func ("/dicom/inversion", test_inversion);
  g_test_add_func ("/dicom/broken-windows", test_broken_windows);
  g_test_add_func ("/dicom/voi-lut", test_voi_lut);
  g_test_add_func ("/dicom/padding", test_padding);
  g_test_add_func ("/dicom/spacing", test_spacing);
  g_test_add_func ("/dicom/identity", test_identity);
  g_test_add_func ("/dicom/names", test_names);
  g_test_add_func ("/dicom/functional-groups", test_functional_groups);
  g_test_add_func ("/dicom/frames", test_frames);
  g_test_add_func ("/dicom/truncated", test_truncated);
  g_test_add_func ("/dicom/truncated-small", test_truncated_small);
  g_test_add_func ("/dicom/not-images", test_not_images);
  g_test_add_func ("/dicom/unusual-pixels", test_unusual_pixels);
  g_test_add_func ("/dicom/deep-nesting", test_deep_nesting);
  g_test_add_func ("/dicom/many-elements", test_many_elements);
  g_test_add_func ("/dicom/size-limits", test_size_limits);
  g_test_add_func ("/dicom/deflate-bomb", test_deflate_bomb);
  g_test_add_func ("/dicom/cancel", test_cancel);
  g_test_add_func ("/dicom/byte-garbage", test_byte_garbage);
  return g_test_run ();
}
