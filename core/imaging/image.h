/* A decoded picture and what is known about it. Depends on base.
 *
 * Pixel frame: x right, y down, pixel centres at +0.5, origin at the top left corner of the
 * picture as stored after orientation (EXIF, DICOM) has been applied. An image is immutable
 * once built and may be shared by threads; reference counting is thread-safe.
 */
#pragma once

#include <gio/gio.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct _GonioImage GonioImage;

typedef enum {
  GONIO_PIXELS_GREY16, /* one uint16_t per pixel; 0 is black, 65535 white on display after the
                          default window; see window below */
  GONIO_PIXELS_RGB8,   /* three uint8_t per pixel, sRGB */
} GonioPixels;

/* Where a pixel spacing comes from (DICOM PS3.3 10.7); lengths are refused for NONE. */
typedef enum {
  GONIO_SPACING_NONE,
  GONIO_SPACING_DETECTOR, /* Imager Pixel Spacing only: at the detector, magnified */
  GONIO_SPACING_UNKNOWN,  /* Pixel Spacing without calibration type and without imager spacing */
  GONIO_SPACING_GEOMETRY, /* Pixel Spacing Calibration Type GEOMETRY, or derived from ERMF */
  GONIO_SPACING_FIDUCIAL, /* Calibration Type FIDUCIAL */
  GONIO_SPACING_USER,     /* entered by the user */
} GonioSpacingSource;

typedef struct {
  /* Distance between rows (y direction) and between columns (x direction). 0 when unknown. With
   * source NONE and both above 0 they are no millimetres but tell the shape of a pixel (DICOM
   * Pixel Aspect Ratio), which angles need. */
  double row_mm;
  double column_mm;
  GonioSpacingSource source;
  char *description; /* nullable, DICOM Pixel Spacing Calibration Description */
} GonioSpacing;

typedef enum {
  GONIO_SIDE_UNKNOWN,
  GONIO_SIDE_LEFT,
  GONIO_SIDE_RIGHT,
  GONIO_SIDE_BOTH,
} GonioSide;

/* All strings UTF-8, nullable, owned by the image. */
typedef struct {
  char *format;          /* "DICOM", "PNG", "JPEG", "HEIF", "TIFF" */
  char *transfer_syntax; /* DICOM: name */
  char *modality;        /* "CR", "DX", "XA", ... */
  char *patient_name;    /* best representation: ideographic/phonetic groups kept with "=" */
  char *patient_id;
  char *patient_birth_date; /* as in the file, YYYYMMDD */
  char *patient_sex;
  char *study_date; /* YYYYMMDD */
  char *study_description;
  char *study_uid;
  char *series_uid;
  char *sop_instance_uid;
  char *sop_class; /* name */
  char *body_part;
  char *view_position; /* "AP", "LL", ... */
  char *view_code_meaning;
  char *image_laterality;    /* "L", "R", "B", "U": Image, Frame or (series) Laterality */
  char *patient_orientation; /* DICOM (0020,0020), rows then columns: "L\\F" */
  char *accession_number;
  char *photometric;    /* DICOM photometric interpretation */
  guint frames;         /* in the file */
  guint frame;          /* this one, from 0 */
  gboolean is_photo;    /* camera picture (EXIF make/exposure, or HEIF) */
  int exif_orientation; /* 1..8 as found; already applied */
  double focal_35mm;    /* EXIF: focal length for the same diagonal angle on 36 x 24 mm film; 0
                           when not given or when the picture was cropped since */
} GonioImageInfo;

/* Frees nothing that it does not own; takes pixels (transfer full, g_malloc'ed, stride =
 * width * bytes per pixel) and info/spacing contents (transfer full of the strings). */
GonioImage *gonio_image_new (GonioPixels format, guint width, guint height, gpointer pixels,
                             const GonioImageInfo *info, const GonioSpacing *spacing);
GonioImage *gonio_image_ref (GonioImage *image);
void gonio_image_unref (GonioImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioImage, gonio_image_unref)

GonioPixels gonio_image_format (const GonioImage *image);
guint gonio_image_width (const GonioImage *image);
guint gonio_image_height (const GonioImage *image);
const void *gonio_image_pixels (const GonioImage *image);
const uint16_t *gonio_image_grey16 (const GonioImage *image); /* NULL unless GREY16 */
const GonioImageInfo *gonio_image_info (const GonioImage *image);
const GonioSpacing *gonio_image_spacing (const GonioImage *image);
GonioSide gonio_image_side (const GonioImage *image); /* from the file's own tags only */

/* ---- display window ----
 * GREY16 pixels of a DICOM image are modality values (after Modality LUT or rescale) mapped
 * linearly to 0..65535: value = pixel * scale + offset. */
typedef enum {
  GONIO_VOI_LINEAR,
  GONIO_VOI_LINEAR_EXACT,
  GONIO_VOI_SIGMOID,
  GONIO_VOI_LUT
} GonioVoiKind;
typedef struct {
  GonioVoiKind kind;
  double center, width; /* in modality values */
  double scale, offset; /* pixel -> modality value */
  gboolean invert;      /* MONOCHROME1 or presentation LUT shape INVERSE, after the VOI step */
  uint16_t *lut;        /* GONIO_VOI_LUT: lut_size outputs scaled to 0..65535; owned by image */
  guint lut_size;
  double lut_first; /* modality value of lut[0] */
} GonioWindow;

/* The file's own window (first VOI LUT, else first window, else full range of the pixels). */
const GonioWindow *gonio_image_window (const GonioImage *image);
void gonio_image_set_window (GonioImage *image,
                             const GonioWindow *window); /* before sharing; lut (transfer full) */
/* A window that shows the 0.5..99.5 percentiles of the picture. */
GonioWindow gonio_image_auto_window (const GonioImage *image);
/* 65536-entry table pixel -> 0..255 display level for a window. */
void gonio_window_to_table (const GonioWindow *window, uint8_t out_table[65536]);
/* 8-bit grey rendering (RGB is turned into luma), width*height bytes. (transfer full) */
uint8_t *gonio_image_render_grey8 (const GonioImage *image, const GonioWindow *window);

/* ---- reading ---- */

typedef struct {
  size_t max_file_bytes; /* 0: 2 GiB */
  guint64 max_pixels;    /* 0: 300 million (all frames: the one asked for) */
  guint max_edge;        /* 0: 65500 */
} GonioImageLimits;

/* Recognised by content. frame counts from 0. Blocking, cancellable between stages.
 * GONIO_IMAGE_ERROR: message names the file, what is wrong and what to do. */
GonioImage *gonio_image_load (const char *path, guint frame, const GonioImageLimits *limits,
                              GCancellable *cancellable, GError **error);
/* One row per format, see formats.c. */
typedef struct {
  const char *name;
  gboolean (*detect) (const uint8_t *head, size_t size); /* first 4096 bytes or fewer */
  GonioImage *(*load) (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                       GCancellable *cancellable, GError **error);
} GonioImageFormat;
const GonioImageFormat *gonio_image_formats (void); /* ended by a NULL name */

/* Threads that resampling shares its rows over, in the whole process; 0 (as it starts): one per
 * processor. Results do not depend on it. Thread-safe. */
void gonio_image_set_threads (guint threads);

/* Area-averaging thumbnail whose longer edge is at most edge (never larger than the image). Grey
 * comes out as displayed by the image's own window: 0 black, 65535 white; RGB8 stays RGB8. */
GonioImage *gonio_image_thumbnail (const GonioImage *image, guint edge);

G_END_DECLS
