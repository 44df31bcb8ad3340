/* Which fragments of encapsulated pixel data make up a frame (PS3.5 A.4): one fragment per
 * frame, the basic offset table, or the start of each stream. Depends on base.
 */
#include "core/imaging/dicom.h"

gboolean
gonio_dicom_starts_frame (const uint8_t *p, size_t size)
{
  static const uint8_t jp2[8] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};

  return (size >= 3 && p[0] == 0xFF && p[1] == 0xD8 && p[2] == 0xFF) ||
         (size >= 4 && p[0] == 0xFF && p[1] == 0x4F && p[2] == 0xFF && p[3] == 0x51) ||
         (size >= 8 && memcmp (p, jp2, 8) == 0);
}

static guint32
le32 (const uint8_t *p)
{
  return (guint32)p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
}

/* Fragments at the table's offsets, which count from the first fragment's item tag. */
static void
starts_from_table (const GonioDicomFragments *f, guint frames, GArray *starts)
{
  guint64 offset = 0;

  for (guint i = 1; i < f->count && starts->len < frames; i++) {
    if (offset == le32 (f->table + starts->len * 4))
      g_array_append_val (starts, i);
    offset += (guint64)f->sizes[i] + 8;
  }
}

gboolean
gonio_dicom_find_fragments (const GonioDicomFragments *f, guint frame, guint frames,
                            guint *out_first, guint *out_end)
{
  g_autoptr (GArray) starts = g_array_new (FALSE, FALSE, sizeof (guint));

  if (f->count < 2)
    return FALSE;
  if (frames == 1 || f->count == frames + 1) {
    *out_first = frames == 1 ? 1 : frame + 1;
    *out_end = frames == 1 ? f->count : frame + 2;
    return TRUE;
  }
  if (f->table && f->sizes[0] == frames * 4)
    starts_from_table (f, frames, starts);
  if (starts->len != frames) {
    g_array_set_size (starts, 0);
    for (guint i = 1; i < f->count; i++)
      if (f->starts_frame (i, f->data))
        g_array_append_val (starts, i);
  }
  if (frame >= starts->len)
    return FALSE;
  *out_first = g_array_index (starts, guint, frame);
  *out_end = frame + 1 < starts->len ? g_array_index (starts, guint, frame + 1) : f->count;
  return TRUE;
}
