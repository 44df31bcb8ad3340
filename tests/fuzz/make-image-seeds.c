/* Writes small pictures of every format and encoding into a folder: the seeds of fuzz-image. */
#include "tests/support/dicom-writer.h"

#include <png.h>
#include <string.h>
#include <tiffio.h>
#include <turbojpeg.h>

#define W 24
#define H 16

static const char *folder;

static void
save (const char *name, gconstpointer data, gsize size)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents (path, data, (gssize)size, &error))
    g_error ("%s", error->message);
}

static void
save_bytes (const char *name, GBytes *bytes)
{
  gsize size = 0;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  save (name, data, size);
}

static void
make_png (void)
{
  static const struct {
    const char *name;
    guint32 format;
  } kinds[] = {{"grey8.png", PNG_FORMAT_GRAY},
               {"grey16.png", PNG_FORMAT_LINEAR_Y},
               {"rgba.png", PNG_FORMAT_RGBA},
               {"rgb16.png", PNG_FORMAT_LINEAR_RGB}};
  guint8 pixels[W * H * 8];

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8)(i * 11);
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
    png_image image = {.version = PNG_IMAGE_VERSION, .width = W, .height = H};
    guint8 out[16384];
    png_alloc_size_t size = sizeof out;

    image.format = kinds[k].format;
    if (!png_image_write_to_memory (&image, out, &size, 0, pixels, 0, NULL))
      g_error ("%s", image.message);
    save (kinds[k].name, out, size);
  }
}

static GBytes *
jpeg (int format, int flags)
{
  guint8 pixels[W * H * 3];
  tjhandle handle = tjInitCompress ();
  unsigned char *out = NULL;
  unsigned long size = 0;
  GBytes *bytes = NULL;

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8)(i / 3 * 5);
  tjCompress2 (handle, pixels, W, 0, H, format, &out, &size,
               format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_420, 80, flags);
  bytes = g_bytes_new (out, size);
  tjFree (out);
  tjDestroy (handle);
  return bytes;
}

static void
make_tiff (const char *name, guint bits, guint samples, guint compression, guint tile)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  TIFF *tiff = TIFFOpen (path, "w");
  guint8 buffer[64 * 64 * 8];

  for (guint i = 0; i < sizeof buffer; i++)
    buffer[i] = (guint8)(i * 3);
  TIFFSetField (tiff, TIFFTAG_IMAGEWIDTH, W);
  TIFFSetField (tiff, TIFFTAG_IMAGELENGTH, H);
  TIFFSetField (tiff, TIFFTAG_BITSPERSAMPLE, bits);
  TIFFSetField (tiff, TIFFTAG_SAMPLESPERPIXEL, samples);
  TIFFSetField (tiff, TIFFTAG_COMPRESSION, compression);
  TIFFSetField (tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField (tiff, TIFFTAG_PHOTOMETRIC, samples == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
  TIFFSetField (tiff, TIFFTAG_ORIENTATION, 6);
  if (tile) {
    TIFFSetField (tiff, TIFFTAG_TILEWIDTH, tile);
    TIFFSetField (tiff, TIFFTAG_TILELENGTH, tile);
    for (guint x = 0; x < W; x += tile)
      TIFFWriteTile (tiff, buffer, x, 0, 0, 0);
  } else {
    for (guint y = 0; y < H; y++)
      TIFFWriteScanline (tiff, buffer + y, y, 0);
  }
  TIFFClose (tiff);
}

static void
make_dicom (const char *name, const char *syntax, GBytes *fragment)
{
  g_autoptr (GonioDicomWriter) w = gonio_dicom_writer_new (syntax);
  const char *inner = g_strcmp0 (syntax, GONIO_TS_IMPLICIT) == 0 ? syntax : NULL;
  g_autoptr (GonioDicomWriter) view = gonio_dicom_writer_new (inner);
  g_autoptr (GonioDicomWriter) lut = gonio_dicom_writer_new (inner);
  const uint16_t descriptor[3] = {4, 0, 12}, entries[4] = {0, 900, 2000, 4095};
  g_autoptr (GBytes) bytes = NULL;
  uint16_t words[W * H];
  guint bits = fragment ? 8 : 16;

  for (guint i = 0; i < W * H; i++)
    words[i] = (uint16_t)(i * 7);
  gonio_dicom_writer_text (view, 0x00080104, "LO", "frontal");
  gonio_dicom_writer_words (lut, 0x00283002, "US", descriptor, 3);
  gonio_dicom_writer_words (lut, 0x00283006, "OW", entries, 4);
  gonio_dicom_writer_text (w, 0x00080005, "CS", "\\ISO 2022 IR 149");
  gonio_dicom_writer_text (w, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.1");
  gonio_dicom_writer_text (w, 0x00080060, "CS", "CR");
  gonio_dicom_writer_text (w, 0x00100010, "PN", "Hong=\033$)C\xFB\xF3^\033$)C\xD1\xCE\xD4\xD7");
  gonio_dicom_writer_text (w, 0x00181164, "DS", "0.1\\0.2");
  gonio_dicom_writer_text (w, 0x00280008, "IS", "1");
  gonio_dicom_writer_grey (w, "MONOCHROME1", W, H, bits, bits == 8 ? 8 : 12, FALSE);
  gonio_dicom_writer_text (w, 0x00281050, "DS", "1000");
  gonio_dicom_writer_text (w, 0x00281051, "DS", "2000");
  gonio_dicom_writer_text (w, 0x00281052, "DS", "-10");
  gonio_dicom_writer_text (w, 0x00281053, "DS", "2");
  gonio_dicom_writer_sequence (w, 0x00283010, lut);
  gonio_dicom_writer_sequence (w, 0x00540220, view);
  if (fragment)
    gonio_dicom_writer_fragments (w, &fragment, 1);
  else
    gonio_dicom_writer_words (w, 0x7FE00010, "OW", words, W * H);
  bytes = gonio_dicom_writer_finish (w);
  save_bytes (name, bytes);
}

int
main (int argc, char **argv)
{
  g_autoptr (GBytes) grey = jpeg (TJPF_GRAY, 0), colour = jpeg (TJPF_RGB, 0);
  g_autoptr (GBytes) progressive = jpeg (TJPF_RGB, TJFLAG_PROGRESSIVE);
  guint8 rle[64 + W * H * 2] = {1, 0, 0, 0, 64};
  g_autoptr (GBytes) rle_bytes = NULL;
  gsize at = 64;

  if (argc != 2) {
    g_printerr ("usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  folder = argv[1];
  make_png ();
  save_bytes ("grey.jpg", grey);
  save_bytes ("colour.jpg", colour);
  save_bytes ("progressive.jpg", progressive);
  make_tiff ("grey16-lzw.tif", 16, 1, COMPRESSION_LZW, 0);
  make_tiff ("grey12.tif", 12, 1, COMPRESSION_NONE, 0);
  make_tiff ("rgb-tiles.tif", 8, 3, COMPRESSION_ADOBE_DEFLATE, 16);
  make_dicom ("explicit.dcm", GONIO_TS_EXPLICIT, NULL);
  make_dicom ("implicit.dcm", GONIO_TS_IMPLICIT, NULL);
  make_dicom ("deflated.dcm", GONIO_TS_DEFLATED, NULL);
  make_dicom ("no-meta.dcm", NULL, NULL);
  make_dicom ("jpeg.dcm", GONIO_TS_JPEG, grey);
  for (guint i = 0; i < W * H; i += 32) {
    rle[at++] = (guint8)-31;
    rle[at++] = (guint8)i;
  }
  rle_bytes = g_bytes_new (rle, at);
  make_dicom ("rle.dcm", GONIO_TS_RLE, rle_bytes);
  return 0;
}
