/* DICOM in plain C: what the DCMTK shim (dicom-shim.cc, the only C++ file) hands over, and the
 * steps from there to a picture. No DCMTK type passes this header. Private to core/imaging.
 * Depends on base.
 */
#pragma once

#include "core/imaging/image.h"

G_BEGIN_DECLS

typedef enum {
  GONIO_DICOM_NATIVE,
  GONIO_DICOM_RLE,
  GONIO_DICOM_JPEG,
  GONIO_DICOM_JPEG_LS,
  GONIO_DICOM_JPEG_2000,
  GONIO_DICOM_OTHER, /* known by name only */
} GonioDicomCodec;

/* A lookup table as stored. */
typedef struct {
  uint16_t first;           /* input value of the first entry, raw word */
  gboolean first_is_signed; /* its VR says so */
  guint bits;               /* as stated; may lie */
  guint count;
  uint16_t *data; /* nullable: no table; owned */
} GonioDicomLut;

/* Attributes of one frame. Strings are nullable and owned; numbers are 0 where absent. */
typedef struct {
  GonioImageInfo info;
  char *transfer_syntax_uid;
  char *sop_class_uid;
  gboolean is_directory;     /* DICOMDIR */
  gboolean has_pixels;       /* Pixel Data (7FE0,0010) */
  gboolean has_float_pixels; /* Float or Double Float Pixel Data */
  GonioDicomCodec codec;

  guint rows, columns, samples, planar;
  guint bits_allocated, bits_stored, high_bit;
  gboolean is_signed;
  guint frames;

  double slope, intercept; /* 1 and 0 where absent */
  GonioDicomLut modality_lut, voi_lut, palette[3];
  gboolean has_window;
  double window_center, window_width; /* the first of several */
  char *voi_function;
  char *presentation_shape;
  gboolean has_padding;
  gint64 padding_value, padding_limit;

  /* mm, rows (y) then columns (x) as DICOM orders them */
  double pixel_spacing[2], imager_spacing[2], scanned_spacing[2];
  double aspect[2]; /* Pixel Aspect Ratio: vertical, horizontal */
  double magnification;
  char *calibration_type, *calibration_description;
} GonioDicom;

void gonio_dicom_clear (GonioDicom *dicom);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioDicom, gonio_dicom_clear)

/* ---- dicom-shim.cc ---- */

typedef struct _GonioDicomFile GonioDicomFile;

/* Parses the data set without its pixels. Bounded in nesting, element count, inflated size and
 * time; a part that cannot be parsed after the pixels is forgiven. */
GonioDicomFile *gonio_dicom_file_open (GBytes *bytes, GCancellable *cancellable, GError **error);
void gonio_dicom_file_free (GonioDicomFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioDicomFile, gonio_dicom_file_free)

/* What the meta header and the pixel element say about the encoding. Strings belong to the file. */
void gonio_dicom_file_encoding (GonioDicomFile *file, const char **out_uid, const char **out_name,
                                GonioDicomCodec *out_codec);
gboolean gonio_dicom_file_has (GonioDicomFile *file, guint32 tag);

/* Attributes by tag (group << 16 | element). where names the sequence whose first item holds the
 * attribute; it is looked for in the functional groups of the frame, in the shared ones, and on
 * the top level, and last the attribute itself on the top level (PS3.3 C.7.6.16). 0: top level
 * only. META: meta header. */
#define GONIO_DICOM_META 2u
/* UTF-8, cleaned; NULL when absent or empty. (transfer full) */
char *gonio_dicom_file_text (GonioDicomFile *file, guint frame, guint32 where, guint32 tag);
/* Value number index of a number or numeric string; FALSE when absent or not finite. */
gboolean gonio_dicom_file_number (GonioDicomFile *file, guint frame, guint32 where, guint32 tag,
                                  guint index, double *out);
/* Left without data when the entries do not fill what the descriptor says. */
GonioDicomLut gonio_dicom_file_lut (GonioDicomFile *file, guint32 where, guint32 descriptor,
                                    guint32 data);
/* Native: frame_bytes bytes of the frame in host byte order. Encapsulated: the frame's fragments
 * joined. (transfer full) */
GBytes *gonio_dicom_file_read_frame (GonioDicomFile *file, const GonioDicom *dicom, guint frame,
                                     guint64 frame_bytes, GError **error);

/* JPEG of every process, and JPEG-LS. The stream's size, components and precision have been
 * compared with what out has room for: rows * columns * samples samples of one byte (precision
 * up to 8) or two, interleaved; out_size is even. */
typedef struct {
  guint rows, columns, samples, precision;
  guint8 sof;              /* of the stream */
  const char *photometric; /* of the stream: MONOCHROME2, RGB or YBR_FULL */
} GonioDicomStream;
gboolean gonio_dicom_decode_stream (const GonioDicomStream *stream, GBytes *data, gpointer out,
                                    size_t out_size, gboolean *out_is_ybr, GError **error);

/* ---- plain C ---- */

/* dicom-describe.c: attributes of frame (from 0); out must be zeroed. */
void gonio_dicom_describe (GonioDicomFile *file, guint frame, GonioDicom *out);
/* The name of a SOP class, nullable (from the shim: DCMTK's registry). (transfer full) */
char *gonio_dicom_sop_class_name (const char *uid);

/* dicom-syntax.c */
typedef struct {
  const char *uid;
  GonioDicomCodec codec;
  const char *name; /* nullable */
} GonioDicomSyntax;
const GonioDicomSyntax *gonio_dicom_find_syntax (const char *uid); /* nullable */
/* The data set behind the meta header of a deflated file (RFC 1951), bounded; a damaged stream
 * gives what there is. (transfer full) */
GBytes *gonio_dicom_inflate (const uint8_t *data, size_t size, GError **error);

/* dicom-fragments.c: item 0 is the offset table. */
typedef struct {
  guint count;
  const guint32 *sizes;
  const uint8_t *table; /* nullable: content of item 0 */
  gboolean (*starts_frame) (guint index, gpointer data);
  gpointer data;
} GonioDicomFragments;
gboolean gonio_dicom_starts_frame (const uint8_t *p, size_t size);
gboolean gonio_dicom_find_fragments (const GonioDicomFragments *fragments, guint frame,
                                     guint frames, guint *out_first, guint *out_end);

/* dicom-text.c */
/* Without control characters and padding, at most GONIO_IMAGE_MAX_TEXT characters; NULL when
 * nothing is left. (transfer full) */
char *gonio_dicom_clean_text (const char *utf8);
/* The same from bytes of unknown encoding: UTF-8 or else Latin-1. */
char *gonio_dicom_guess_text (const char *raw);
/* dicom-charset.c: from bytes in the given Specific Character Set (nullable). */
char *gonio_dicom_decode_text (const char *raw, const char *charset, gboolean is_name);
/* "ComputedRadiographyImageStorage" with spaces. (transfer full) */
char *gonio_dicom_spaced_name (const char *keyword);
/* Entries of a table from little-endian words (swap: big-endian), or from bytes when there are
 * only as many; without data when there are too few. */
GonioDicomLut gonio_dicom_lut_unpack (const uint8_t *bytes, size_t size, gboolean swap,
                                      guint entries);

/* One decoded frame: interleaved or planar samples of one or two bytes, host byte order. */
typedef struct {
  GBytes *data;
  guint bytes_per_sample;
  gboolean planar;
  gboolean packed_422; /* native YBR_FULL_422: Y Y Cb Cr */
  gboolean is_ybr;
  gboolean is_compressed; /* values beyond bits_stored are rounding, not overlay bits */
  guint bits;             /* that carry the value */
  guint high_bit;
} GonioDicomRaster;

void gonio_dicom_raster_clear (GonioDicomRaster *raster);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioDicomRaster, gonio_dicom_raster_clear)

/* dicom-decode.c: raster of a frame, whatever its encoding. */
gboolean gonio_dicom_decode (GonioDicomFile *file, const GonioDicom *dicom, guint frame,
                             const GonioImageLimits *limits, GonioDicomRaster *out, GError **error);

/* dicom-rle.c, PS3.5 annex G: out holds pixels * samples values of bytes each, interleaved. */
gboolean gonio_dicom_rle_decode (GBytes *data, size_t pixels, guint samples, guint bytes,
                                 uint8_t *out, GError **error);

/* jpeg2000.c: out holds width * height * components values, interleaved, low bits of the value
 * (two's complement when the stream is signed). */
typedef struct {
  guint precision;
  gboolean is_signed;
  gboolean has_transform; /* multiple component transform: the result is RGB */
} GonioJpeg2000Info;
/* What the header announces; colours other than RGB and grey are refused. */
gboolean gonio_jpeg2000_size (GBytes *data, guint *out_width, guint *out_height,
                              guint *out_components, GError **error);
gboolean gonio_jpeg2000_decode (GBytes *data, guint width, guint height, guint components,
                                uint16_t *out, GonioJpeg2000Info *out_info, GError **error);

/* dicom-pixels.c: raster to GREY16 with modality scale, or to RGB8; the window is set from the
 * VOI attributes (dicom-display.c). */
GonioImage *gonio_dicom_picture (GonioDicom *dicom, const GonioDicomRaster *raster, GError **error);
/* dicom-display.c: the file's own window for a GREY16 image whose pixel scale is known. */
GonioWindow gonio_dicom_window (const GonioDicom *dicom, const GonioImage *image, double scale,
                                double offset);
/* dicom-spacing.c: which spacing holds, and where it comes from (PS3.3 10.7). */
GonioSpacing gonio_dicom_spacing (const GonioDicom *dicom);

G_END_DECLS
