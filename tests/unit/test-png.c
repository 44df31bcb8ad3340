/* core/imaging/png.c: every kind of PNG that libpng can write, the PngSuite's decoded values,
 * orientation, damage and bombs.
 */
#include "core/imaging/load-private.h"
#include "tests/support/image-fixture.h"

#include <png.h>
#include <string.h>

typedef struct {
  guint width, height, depth;
  int color;
  gboolean interlaced;
  const uint8_t *rows; /* packed as PNG wants it, 16 bits big-endian */
  const uint8_t *exif;
  guint exif_size;
  char *text;                /* for a compressed text chunk */
  gboolean transparent_zero; /* tRNS: grey 0, or palette entry 0 */
} Spec;

static void
append (png_structp png, png_bytep data, png_size_t size)
{
  g_byte_array_append (png_get_io_ptr (png), data, (guint)size);
}

static size_t
row_bytes (const Spec *s)
{
  guint channels = s->color == PNG_COLOR_TYPE_RGB          ? 3
                   : s->color == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                   : s->color == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                           : 1;

  return ((size_t)s->width * s->depth * channels + 7) / 8;
}

static GBytes *
encode (const Spec *s)
{
  static const png_color palette[4] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 8, 7}};
  GByteArray *out = g_byte_array_new ();
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct (png);
  g_autofree png_bytep *rows = g_new (png_bytep, s->height);

  png_set_write_fn (png, out, append, NULL);
  png_set_IHDR (png, info, s->width, s->height, (int)s->depth, s->color,
                s->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                PNG_FILTER_TYPE_BASE);
  if (s->color == PNG_COLOR_TYPE_PALETTE)
    png_set_PLTE (png, info, palette, MIN (4, 1 << s->depth));
  if (s->transparent_zero) {
    png_color_16 grey = {0};
    png_byte alpha = 0;

    png_set_tRNS (png, info, s->color == PNG_COLOR_TYPE_PALETTE ? &alpha : NULL, 1, &grey);
  }
  if (s->exif)
    png_set_eXIf_1 (png, info, s->exif_size, (png_bytep)s->exif);
  if (s->text) {
    png_text text = {.compression = PNG_TEXT_COMPRESSION_zTXt, .key = (char *)"x", .text = s->text};

    png_set_text (png, info, &text, 1);
  }
  for (guint y = 0; y < s->height; y++)
    rows[y] = (png_bytep)s->rows + y * row_bytes (s);
  png_write_info (png, info);
  png_write_image (png, rows);
  png_write_end (png, NULL);
  png_destroy_write_struct (&png, &info);
  return g_byte_array_free_to_bytes (out);
}

static GonioImage *
decode (const Spec *s)
{
  g_autoptr (GBytes) bytes = encode (s);
  g_autoptr (GError) error = NULL;
  GonioImage *image = gonio_fixture_load (bytes, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (gonio_image_info (image)->format, ==, "PNG");
  return image;
}

/* Grey of 1, 2, 4, 8 and 16 bits, plain and interlaced: value v of n bits becomes v / (2^n - 1)
 * of full scale, exactly. */
static void
test_grey (void)
{
  static const guint depths[] = {1, 2, 4, 8, 16};

  for (guint d = 0; d < G_N_ELEMENTS (depths); d++) {
    guint depth = depths[d], w = 13, h = 9, max = (1u << depth) - 1;
    Spec s = {.width = w, .height = h, .depth = depth, .color = PNG_COLOR_TYPE_GRAY};
    g_autofree uint8_t *rows = g_malloc0 (row_bytes (&s) * h);

    for (guint y = 0; y < h; y++) {
      for (guint x = 0; x < w; x++) {
        guint v = (x * 7919 + y * 104729) % (max + 1);
        uint8_t *row = rows + y * row_bytes (&s);

        if (depth == 16) {
          row[x * 2] = (uint8_t)(v >> 8);
          row[x * 2 + 1] = (uint8_t)v;
        } else {
          row[x * depth / 8] |= (uint8_t)(v << (8 - depth - x * depth % 8));
        }
      }
    }
    s.rows = rows;
    for (guint i = 0; i < 2; i++) {
      g_autoptr (GonioImage) image = NULL;

      s.interlaced = i == 1;
      image = decode (&s);
      g_assert_cmpuint (gonio_image_width (image), ==, w);
      for (guint y = 0; y < h; y++)
        for (guint x = 0; x < w; x++)
          g_assert_cmpuint (gonio_image_grey16 (image)[y * w + x], ==,
                            (x * 7919 + y * 104729) % (max + 1) * (65535 / max));
    }
  }
}

static void
test_colour (void)
{
  uint8_t rgb8[6] = {1, 2, 3, 250, 251, 252};
  uint8_t rgb16[12] = {0, 0, 255, 255, 128, 0, 1, 0, 2, 0, 3, 0};
  uint8_t indices[1] = {0x1B}; /* 0 1 2 3 */
  Spec s = {.width = 2, .height = 1, .depth = 8, .color = PNG_COLOR_TYPE_RGB, .rows = rgb8};
  g_autoptr (GonioImage) a = decode (&s), b = NULL, c = NULL;
  static const uint8_t want16[6] = {0, 255, 128, 1, 2, 3};
  static const uint8_t want_palette[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7};

  g_assert_cmpint (gonio_image_format (a), ==, GONIO_PIXELS_RGB8);
  g_assert_null (gonio_image_grey16 (a));
  g_assert_cmpmem (gonio_image_pixels (a), 6, rgb8, 6);
  s.depth = 16;
  s.rows = rgb16;
  b = decode (&s);
  g_assert_cmpmem (gonio_image_pixels (b), 6, want16, 6);
  s = (Spec){.width = 4, .height = 1, .depth = 2, .color = PNG_COLOR_TYPE_PALETTE, .rows = indices};
  c = decode (&s);
  g_assert_cmpmem (gonio_image_pixels (c), 12, want_palette, 12);
}

/* Transparent parts turn black, half-transparent ones half as bright. */
static void
test_alpha (void)
{
  uint8_t rgba[8] = {200, 100, 50, 128, 10, 20, 30, 0};
  uint8_t ga8[4] = {200, 255, 200, 0};
  uint8_t ga16[4] = {0xFF, 0xFF, 0x80, 0x00};
  uint8_t grey[2] = {0, 77}, index = 0x40; /* entries 1 0 */
  Spec s = {.width = 2, .height = 1, .depth = 8, .color = PNG_COLOR_TYPE_RGB_ALPHA, .rows = rgba};
  g_autoptr (GonioImage) a = decode (&s), b = NULL, c = NULL, d = NULL, e = NULL;
  static const uint8_t want[6] = {100, 50, 25, 0, 0, 0}, want_index[6] = {0, 255, 0, 0, 0, 0};

  g_assert_cmpmem (gonio_image_pixels (a), 6, want, 6);
  s = (Spec){.width = 2, .height = 1, .depth = 8, .color = PNG_COLOR_TYPE_GRAY_ALPHA, .rows = ga8};
  b = decode (&s);
  g_assert_cmpuint (gonio_image_grey16 (b)[0], ==, 200 * 257);
  g_assert_cmpuint (gonio_image_grey16 (b)[1], ==, 0);
  s = (Spec){
      .width = 1, .height = 1, .depth = 16, .color = PNG_COLOR_TYPE_GRAY_ALPHA, .rows = ga16};
  c = decode (&s);
  g_assert_cmpuint (gonio_image_grey16 (c)[0], ==, 0x8000);
  s = (Spec){.width = 2,
             .height = 1,
             .depth = 8,
             .color = PNG_COLOR_TYPE_GRAY,
             .rows = grey,
             .transparent_zero = TRUE};
  d = decode (&s);
  g_assert_cmpuint (gonio_image_grey16 (d)[1], ==, 77 * 257);
  s = (Spec){.width = 2,
             .height = 1,
             .depth = 2,
             .color = PNG_COLOR_TYPE_PALETTE,
             .rows = &index,
             .transparent_zero = TRUE};
  e = decode (&s);
  g_assert_cmpmem (gonio_image_pixels (e), 6, want_index, 6);
}

static void
test_orientation (void)
{
  /* Orientation 6: turn clockwise to view. */
  static const uint8_t exif[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                 3,   0,   0, 0,  1, 0, 6, 0, 0, 0, 0, 0,    0};
  uint8_t rows[2] = {10, 20};
  Spec s = {.width = 2,
            .height = 1,
            .depth = 8,
            .color = PNG_COLOR_TYPE_GRAY,
            .rows = rows,
            .exif = exif,
            .exif_size = sizeof exif};
  g_autoptr (GonioImage) image = decode (&s);

  g_assert_cmpuint (gonio_image_width (image), ==, 1);
  g_assert_cmpuint (gonio_image_height (image), ==, 2);
  g_assert_cmpint (gonio_image_info (image)->exif_orientation, ==, 6);
  g_assert_cmpuint (gonio_image_grey16 (image)[0], ==, 10 * 257);
}

static GBytes *
noise (guint w, guint h)
{
  g_autofree uint8_t *rows = g_malloc ((size_t)w * h);
  Spec s = {.width = w, .height = h, .depth = 8, .color = PNG_COLOR_TYPE_GRAY, .rows = rows};

  for (guint i = 0; i < w * h; i++)
    rows[i] = (uint8_t)g_test_rand_int_range (0, 256);
  return encode (&s);
}

static void
test_damage (void)
{
  g_autoptr (GBytes) good = noise (64, 64);
  gsize size = g_bytes_get_size (good);
  g_autofree uint8_t *data = g_memdup2 (g_bytes_get_data (good, NULL), size);
  g_autoptr (GBytes) broken = NULL;

  for (gsize cut = 8; cut < size; cut += 37) {
    g_autoptr (GBytes) part = gonio_fixture_cut (good, cut);

    gonio_fixture_assert_refused (part, GONIO_IMAGE_ERROR_MALFORMED, "Copy it again");
  }
  data[size / 2] ^= 0x40;
  broken = g_bytes_new (data, size);
  gonio_fixture_assert_refused (broken, GONIO_IMAGE_ERROR_MALFORMED, "damaged");
}

/* A header that promises what the file cannot hold is refused before room is made for it. */
static void
test_bombs (void)
{
  g_autoptr (GBytes) good = noise (8, 8);
  gsize size = g_bytes_get_size (good);
  static const struct {
    guint8 width[4], height[4];
    GonioImageError code;
  } cases[] = {
      {{0, 0, 0xFF, 0x00}, {0, 0, 0x10, 0x00}, GONIO_IMAGE_ERROR_MALFORMED},
      {{0, 1, 0x00, 0x00}, {0, 0, 0x00, 0x01}, GONIO_IMAGE_ERROR_LIMIT},
      {{0x7F, 0xFF, 0xFF, 0xFF}, {0x7F, 0xFF, 0xFF, 0xFF}, GONIO_IMAGE_ERROR_LIMIT},
      {{0, 0, 0xFF, 0xD0}, {0, 0, 0xFF, 0xD0}, GONIO_IMAGE_ERROR_LIMIT},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree uint8_t *data = g_memdup2 (g_bytes_get_data (good, NULL), size);
    g_autoptr (GBytes) bomb = NULL;
    guint32 crc = 0xFFFFFFFF;

    memcpy (data + 16, cases[i].width, 4);
    memcpy (data + 20, cases[i].height, 4);
    for (guint k = 12; k < 29; k++) { /* CRC-32 of IHDR */
      crc ^= data[k];
      for (guint bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    crc = ~crc;
    for (guint k = 0; k < 4; k++)
      data[29 + k] = (uint8_t)(crc >> (24 - 8 * k));
    bomb = g_bytes_new (data, size);
    gonio_fixture_assert_refused (bomb, cases[i].code, "");
  }
}

/* Texts that would unpack to far more than the picture are read past. */
static void
test_text_bomb (void)
{
  const gsize n = 64 << 20;
  g_autofree char *text = g_malloc (n + 1);
  uint8_t rows[4] = {1, 2, 3, 4};
  Spec s = {.width = 2, .height = 2, .depth = 8, .color = PNG_COLOR_TYPE_GRAY, .rows = rows};
  g_autoptr (GonioImage) image = NULL;

  memset (text, 'x', n);
  text[n] = 0;
  s.text = text;
  image = decode (&s);
  g_assert_cmpuint (gonio_image_grey16 (image)[3], ==, 4 * 257);
}

static void
test_frame (void)
{
  g_autoptr (GBytes) good = noise (8, 8);
  g_autoptr (GError) error = NULL;

  g_assert_null (gonio_fixture_load (good, 1, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED);
}

/* Decoded values: a JSON list of R, G, B, A per pixel. 16-bit grey is compared at 8 bits. */
static guint
compare_suite_file (const char *png, const char *json)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioImage) image = gonio_image_load (png, 0, NULL, NULL, &error);
  const char *p = NULL;
  size_t n = 0;

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (json, &text, NULL, NULL));
  n = (size_t)gonio_image_width (image) * gonio_image_height (image);
  p = strchr (text, '[') + 1;
  for (size_t i = 0; i < n; i++) {
    guint want[4] = {0}, got[3] = {0};

    for (guint c = 0; c < 4; c++) {
      char *end = NULL;

      p += strspn (p, " \t\r\n,");
      want[c] = (guint)g_ascii_strtoull (p, &end, 10);
      g_assert_true (end != p);
      p = end;
    }
    for (guint c = 0; c < 3; c++) {
      got[c] = gonio_image_grey16 (image)
                   ? gonio_image_grey16 (image)[i]
                   : ((const uint8_t *)gonio_image_pixels (image))[i * 3 + c];
      if (gonio_image_grey16 (image))
        got[c] = (got[c] + 128) / 257;
      if (ABS ((int)got[c] - (int)((want[c] * want[3] + 127) / 255)) > 1)
        g_error ("%s: pixel %" G_GSIZE_FORMAT " channel %u is %u, not %u", png, i, c, got[c],
                 (want[c] * want[3] + 127) / 255);
    }
  }
  return 1;
}

static void
test_suite (void)
{
  g_autofree char *root = gonio_fixture_data ("hostile/lunapaint+pngsuite");
  g_autofree char *folder = root ? g_build_filename (root, "png", NULL) : NULL;
  g_autoptr (GDir) dir = folder ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name = NULL;
  guint compared = 0, refused = 0;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *png = g_build_filename (folder, name, NULL);
    g_autofree char *stem = g_strndup (name, strlen (name) - 4);
    g_autofree char *to8 = g_strconcat (root, "/json/", stem, "_to8.json", NULL);
    g_autofree char *same = g_strconcat (root, "/json/", stem, ".json", NULL);
    gboolean is_16 = strlen (stem) == 8 && g_str_has_suffix (stem, "16");

    if (name[0] == 'x') { /* the deliberately corrupt ones */
      g_autoptr (GError) error = NULL;
      g_autoptr (GonioImage) image = gonio_image_load (png, 0, NULL, NULL, &error);

      /* xs: bad signature; xcr, xlf: line ends changed in it */
      gboolean is_png = !g_str_has_prefix (name, "xs") && !g_str_has_prefix (name, "xcr") &&
                        !g_str_has_prefix (name, "xlf");
      int want = is_png ? GONIO_IMAGE_ERROR_MALFORMED : GONIO_IMAGE_ERROR_NOT_IMAGE;

      g_assert_null (image);
      g_assert_error (error, GONIO_IMAGE_ERROR, want);
      refused++;
    } else if (g_file_test (to8, G_FILE_TEST_EXISTS)) {
      compared += compare_suite_file (png, to8);
    } else if (!is_16 && g_file_test (same, G_FILE_TEST_EXISTS)) {
      compared += compare_suite_file (png, same);
    }
  }
  if (dir) {
    g_test_message ("%u files compared, %u corrupt ones refused", compared, refused);
    g_assert_cmpuint (compared, >, 40);
    g_assert_cmpuint (refused, >, 5);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/png/grey", test_grey);
  g_test_add_func ("/png/colour", test_colour);
  g_test_add_func ("/png/alpha", test_alpha);
  g_test_add_func ("/png/orientation", test_orientation);
  g_test_add_func ("/png/damage", test_damage);
  g_test_add_func ("/png/bombs", test_bombs);
  g_test_add_func ("/png/text-bomb", test_text_bomb);
  g_test_add_func ("/png/frame", test_frame);
  g_test_add_func ("/png/suite", test_suite);
  return g_test_run ();
}
