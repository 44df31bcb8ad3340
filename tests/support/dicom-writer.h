/* Builds DICOM files in memory, explicit little endian around the pixels, byte by byte as the
 * test says, so that broken ones can be made too. Test support; depends on GLib.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct _GonioDicomWriter GonioDicomWriter;

#define GONIO_TS_IMPLICIT "1.2.840.10008.1.2"
#define GONIO_TS_EXPLICIT "1.2.840.10008.1.2.1"
#define GONIO_TS_DEFLATED "1.2.840.10008.1.2.1.99"
#define GONIO_TS_RLE      "1.2.840.10008.1.2.5"
#define GONIO_TS_JPEG     "1.2.840.10008.1.2.4.50"
#define GONIO_TS_JPEG2000 "1.2.840.10008.1.2.4.90"

/* transfer_syntax NULL: no preamble and no meta header (also for sequence items). */
GonioDicomWriter *gonio_dicom_writer_new (const char *transfer_syntax);
void gonio_dicom_writer_free (GonioDicomWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioDicomWriter, gonio_dicom_writer_free)

void gonio_dicom_writer_bytes (GonioDicomWriter *writer, guint32 tag, const char *vr,
                               gconstpointer data, size_t size);
/* Padded to an even length with a space, UI with a NUL. */
void gonio_dicom_writer_text (GonioDicomWriter *writer, guint32 tag, const char *vr,
                              const char *text);
void gonio_dicom_writer_us (GonioDicomWriter *writer, guint32 tag, guint value);
/* n words of VR US, SS or OW. */
void gonio_dicom_writer_words (GonioDicomWriter *writer, guint32 tag, const char *vr,
                               const uint16_t *words, size_t n);
/* A sequence with one item holding what item has collected. */
void gonio_dicom_writer_sequence (GonioDicomWriter *writer, guint32 tag, GonioDicomWriter *item);
/* Encapsulated pixel data: empty offset table and these fragments. */
void gonio_dicom_writer_fragments (GonioDicomWriter *writer, GBytes *const *fragments, guint n);
/* Rows, columns and the rest of the pixel module of one grey frame. */
void gonio_dicom_writer_grey (GonioDicomWriter *writer, const char *photometric, guint columns,
                              guint rows, guint allocated, guint stored, gboolean is_signed);

/* The file (deflated where the syntax says so). (transfer full) */
GBytes *gonio_dicom_writer_finish (GonioDicomWriter *writer);

G_END_DECLS
