/* Writes small pictures of the kinds that only models decode (ONNX ImageDecoder) into a folder:
 * BMP and PNM by hand, WebP and JPEG 2000 by their libraries. More seeds of fuzz-image. */
#include <glib.h>
#include <openjpeg.h>
#include <string.h>
#include <webp/encode.h>

#define W 9
#define H 7

static const char *folder;
static guint8 pixels[W * H * 4];

static void
save (const char *name, gconstpointer data, gsize size)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents (path, data, (gssize)size, &error))
    g_error ("%s", error->message);
}

static void
put (GByteArray *out, guint bytes, guint32 value)
{
  for (guint i = 0; i < bytes; i++) {
    guint8 byte = (guint8)(value >> (8 * i));
    g_byte_array_append (out, &byte, 1);
  }
}

static void
make_bmp (const char *name, guint bits, gint32 height, guint n_colours)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  g_byte_array_append (out, (const guint8 *)"BM", 2);
  put (out, 4, 0);
  put (out, 4, 0);
  put (out, 4, 54 + 4 * n_colours);
  put (out, 4, 40);
  put (out, 4, W);
  put (out, 4, (guint32)height);
  put (out, 2, 1);
  put (out, 2, bits);
  for (guint i = 0; i < 4; i++)
    put (out, 4, 0);
  put (out, 4, n_colours);
  put (out, 4, 0);
  g_byte_array_append (out, pixels, 4 * n_colours);
  g_byte_array_append (out, pixels, (W * bits + 31) / 32 * 4 * H);
  save (name, out->data, out->len);
}

static void
make_pnm (const char *name, const char *header, gsize size)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  g_byte_array_append (out, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (out, pixels, (guint)size);
  save (name, out->data, out->len);
}

static void
make_webp (void)
{
  uint8_t *data = NULL;
  size_t size = WebPEncodeLosslessRGBA (pixels, W, H, 4 * W, &data);

  save ("lossless.webp", data, size);
  WebPFree (data);
  size = WebPEncodeRGB (pixels, W, H, 3 * W, 70, &data);
  save ("lossy.webp", data, size);
  WebPFree (data);
}

static OPJ_SIZE_T
append (void *data, OPJ_SIZE_T size, void *user_data)
{
  g_byte_array_append (user_data, data, (guint)size);
  return size;
}

static void
make_jpeg2000 (const char *name, guint components, guint precision)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  opj_cparameters_t parameters = {0};
  opj_image_cmptparm_t parts[3] = {0};

  opj_set_default_encoder_parameters (&parameters);
  parameters.numresolution = 2;
  for (guint c = 0; c < components; c++)
    parts[c] = (opj_image_cmptparm_t){.dx = 1, .dy = 1, .w = W, .h = H, .prec = precision};
  opj_image_t *image =
      opj_image_create (components, parts, components == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
  image->x1 = W;
  image->y1 = H;
  for (guint i = 0; i < W * H * components; i++)
    image->comps[i % components].data[i / components] = pixels[i];
  opj_codec_t *codec = opj_create_compress (OPJ_CODEC_J2K);
  opj_stream_t *stream = opj_stream_default_create (OPJ_FALSE);
  opj_stream_set_user_data (stream, out, NULL);
  opj_stream_set_write_function (stream, append);
  if (!opj_setup_encoder (codec, &parameters, image) ||
      !opj_start_compress (codec, image, stream) || !opj_encode (codec, stream) ||
      !opj_end_compress (codec, stream))
    g_error ("%s cannot be encoded", name);
  opj_stream_destroy (stream);
  opj_destroy_codec (codec);
  opj_image_destroy (image);
  save (name, out->data, out->len);
}

int
main (int argc, char **argv)
{
  if (argc != 2) {
    g_printerr ("usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  folder = argv[1];
  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8)(i * 13 + i / 7);
  make_bmp ("rgb.bmp", 24, H, 0);
  make_bmp ("down.bmp", 32, -H, 0);
  make_bmp ("palette.bmp", 8, H, 16);
  make_bmp ("bits.bmp", 1, H, 2);
  make_pnm ("bits.pbm", "P4\n9 7\n", 2 * H);
  make_pnm ("grey.pgm", "P5 # a comment\n9 7\n255\n", W * H);
  make_pnm ("deep.ppm", "P6\n9 3\n65535\n", W * 3 * 6);
  make_pnm ("words.pgm", "P2\n3 2 9\n1 2 3\n4 5 9\n", 0);
  make_webp ();
  make_jpeg2000 ("rgb.j2k", 3, 8);
  make_jpeg2000 ("grey12.j2k", 1, 12);
  return 0;
}
