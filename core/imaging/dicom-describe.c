/* Which attributes of a DICOM file are read, and from where. Depends on base. */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

#include <stddef.h>

/* Sequences that hold attributes (PS3.6). */
enum {
  SEQ_FRAME_ANATOMY = 0x00209071,
  SEQ_PIXEL_MEASURES = 0x00289110,
  SEQ_FRAME_VOI_LUT = 0x00289132,
  SEQ_PIXEL_VALUES = 0x00289145,
  SEQ_MODALITY_LUT = 0x00283000,
  SEQ_VOI_LUT = 0x00283010,
  SEQ_VIEW_CODE = 0x00540220,
};

/* Texts: the first tag that is there wins when a field is named twice. */
static const struct {
  size_t field;
  guint32 where, tag;
} info_texts[] = {
    {offsetof (GonioImageInfo, modality), 0, 0x00080060},
    {offsetof (GonioImageInfo, patient_name), 0, 0x00100010},
    {offsetof (GonioImageInfo, patient_id), 0, 0x00100020},
    {offsetof (GonioImageInfo, patient_birth_date), 0, 0x00100030},
    {offsetof (GonioImageInfo, patient_sex), 0, 0x00100040},
    {offsetof (GonioImageInfo, study_date), 0, 0x00080020},
    {offsetof (GonioImageInfo, study_description), 0, 0x00081030},
    {offsetof (GonioImageInfo, study_uid), 0, 0x0020000D},
    {offsetof (GonioImageInfo, series_uid), 0, 0x0020000E},
    {offsetof (GonioImageInfo, sop_instance_uid), 0, 0x00080018},
    {offsetof (GonioImageInfo, body_part), 0, 0x00180015},
    {offsetof (GonioImageInfo, view_position), 0, 0x00185101},
    {offsetof (GonioImageInfo, view_code_meaning), SEQ_VIEW_CODE, 0x00080104},
    {offsetof (GonioImageInfo, image_laterality), SEQ_FRAME_ANATOMY, 0x00209072},
    {offsetof (GonioImageInfo, image_laterality), 0, 0x00200062},
    {offsetof (GonioImageInfo, image_laterality), 0, 0x00200060},
    {offsetof (GonioImageInfo, patient_orientation), 0, 0x00200020},
    {offsetof (GonioImageInfo, accession_number), 0, 0x00080050},
    {offsetof (GonioImageInfo, photometric), 0, 0x00280004},
};

static const struct {
  size_t field;
  guint32 where, tag;
} texts[] = {
    {offsetof (GonioDicom, sop_class_uid), 0, 0x00080016},
    {offsetof (GonioDicom, sop_class_uid), GONIO_DICOM_META, 0x00020002},
    {offsetof (GonioDicom, voi_function), SEQ_FRAME_VOI_LUT, 0x00281056},
    {offsetof (GonioDicom, presentation_shape), 0, 0x20500020},
    {offsetof (GonioDicom, calibration_type), SEQ_PIXEL_MEASURES, 0x00280A02},
    {offsetof (GonioDicom, calibration_description), SEQ_PIXEL_MEASURES, 0x00280A04},
};

static const struct {
  size_t field;
  guint32 tag;
} counts[] = {
    {offsetof (GonioDicom, rows), 0x00280010},
    {offsetof (GonioDicom, columns), 0x00280011},
    {offsetof (GonioDicom, samples), 0x00280002},
    {offsetof (GonioDicom, planar), 0x00280006},
    {offsetof (GonioDicom, bits_allocated), 0x00280100},
    {offsetof (GonioDicom, bits_stored), 0x00280101},
    {offsetof (GonioDicom, high_bit), 0x00280102},
    {offsetof (GonioDicom, frames), 0x00280008},
};

/* Rows, then columns. */
static const struct {
  size_t field;
  guint32 tag;
} pairs[] = {
    {offsetof (GonioDicom, pixel_spacing), 0x00280030},
    {offsetof (GonioDicom, imager_spacing), 0x00181164},
    {offsetof (GonioDicom, scanned_spacing), 0x00182010},
    {offsetof (GonioDicom, aspect), 0x00280034},
};

static void
read_text (GonioDicomFile *file, guint frame, guint32 where, guint32 tag, char **field)
{
  if (!*field)
    *field = gonio_dicom_file_text (file, frame, where, tag);
}

static void
read_texts (GonioDicomFile *file, guint frame, GonioDicom *d)
{
  for (guint i = 0; i < G_N_ELEMENTS (info_texts); i++)
    read_text (file, frame, info_texts[i].where, info_texts[i].tag,
               (char **)((char *)&d->info + info_texts[i].field));
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    read_text (file, frame, texts[i].where, texts[i].tag, (char **)((char *)d + texts[i].field));
}

static void
read_encoding (GonioDicomFile *file, GonioDicom *d)
{
  const char *uid = NULL, *name = NULL;

  gonio_dicom_file_encoding (file, &uid, &name, &d->codec);
  d->transfer_syntax_uid = g_strdup (uid);
  d->info.transfer_syntax = g_strdup (name);
  d->is_directory = gonio_dicom_file_has (file, 0x00041220);
  d->has_pixels = gonio_dicom_file_has (file, 0x7FE00010);
  d->has_float_pixels =
      gonio_dicom_file_has (file, 0x7FE00008) || gonio_dicom_file_has (file, 0x7FE00009);
}

static void
read_pixel_module (GonioDicomFile *file, GonioDicom *d)
{
  double value = 0;

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    if (gonio_dicom_file_number (file, 0, 0, counts[i].tag, 0, &value) && value >= 0 &&
        value <= G_MAXINT)
      *(guint *)((char *)d + counts[i].field) = (guint)value;
  d->is_signed = gonio_dicom_file_number (file, 0, 0, 0x00280103, 0, &value) && value == 1;
  d->frames = CLAMP (d->frames, 1, GONIO_IMAGE_MAX_FRAMES);
}

static void
read_values (GonioDicomFile *file, guint frame, GonioDicom *d)
{
  double value = 0;

  d->slope = 1;
  if (gonio_dicom_file_number (file, frame, SEQ_PIXEL_VALUES, 0x00281053, 0, &value) &&
      value != 0) {
    d->slope = value;
    gonio_dicom_file_number (file, frame, SEQ_PIXEL_VALUES, 0x00281052, 0, &d->intercept);
  }
  d->modality_lut = gonio_dicom_file_lut (file, SEQ_MODALITY_LUT, 0x00283002, 0x00283006);
  d->voi_lut = gonio_dicom_file_lut (file, SEQ_VOI_LUT, 0x00283002, 0x00283006);
  for (guint c = 0; c < 3; c++)
    d->palette[c] = gonio_dicom_file_lut (file, 0, 0x00281101 + c, 0x00281201 + c);
  d->has_window =
      gonio_dicom_file_number (file, frame, SEQ_FRAME_VOI_LUT, 0x00281050, 0, &d->window_center) &&
      gonio_dicom_file_number (file, frame, SEQ_FRAME_VOI_LUT, 0x00281051, 0, &d->window_width);
  if (gonio_dicom_file_number (file, 0, 0, 0x00280120, 0, &value)) {
    d->has_padding = TRUE;
    d->padding_value = d->padding_limit = (gint64)CLAMP (value, -65536, 65536);
    if (gonio_dicom_file_number (file, 0, 0, 0x00280121, 0, &value))
      d->padding_limit = (gint64)CLAMP (value, -65536, 65536);
  }
}

static void
read_geometry (GonioDicomFile *file, guint frame, GonioDicom *d)
{
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    double a = 0, b = 0, *field = (double *)((char *)d + pairs[i].field);

    if (gonio_dicom_file_number (file, frame, SEQ_PIXEL_MEASURES, pairs[i].tag, 0, &a) &&
        gonio_dicom_file_number (file, frame, SEQ_PIXEL_MEASURES, pairs[i].tag, 1, &b)) {
      field[0] = a;
      field[1] = b;
    }
  }
  gonio_dicom_file_number (file, 0, 0, 0x00181114, 0, &d->magnification);
}

void
gonio_dicom_describe (GonioDicomFile *file, guint frame, GonioDicom *d)
{
  read_texts (file, frame, d);
  read_encoding (file, d);
  read_pixel_module (file, d);
  read_values (file, frame, d);
  read_geometry (file, frame, d);
  d->info.format = g_strdup ("DICOM");
  d->info.sop_class = d->sop_class_uid ? gonio_dicom_sop_class_name (d->sop_class_uid) : NULL;
  d->info.frame = frame;
  d->info.frames = d->frames;
  d->info.exif_orientation = 1;
}
