/* A list of free memories, best fit first. Depends on device. */
#include "backends/gl/common/buffers.h"

#include "core/base/error.h"

/* A memory more than so many times too large stays for those who need it. */
#define MOST_SLACK 2

struct _GonioGlBuffers {
  GonioGlContext *context;
  const GonioGlDevice *device;
  GArray *idle; /* GonioGlMemory */
};

GonioGlBuffers *
gonio_gl_buffers_new (GonioGlContext *context, const GonioGlDevice *device)
{
  GonioGlBuffers *buffers = g_new0 (GonioGlBuffers, 1);
  buffers->context = context;
  buffers->device = device;
  buffers->idle = g_array_new (FALSE, FALSE, sizeof (GonioGlMemory));
  return buffers;
}

void
gonio_gl_buffers_free (GonioGlBuffers *buffers)
{
  gonio_gl_buffers_trim (buffers);
  g_array_unref (buffers->idle);
  g_free (buffers);
}

void
gonio_gl_buffers_trim (GonioGlBuffers *buffers)
{
  for (guint i = 0; i < buffers->idle->len; i++)
    buffers->device->memory_clear (&g_array_index (buffers->idle, GonioGlMemory, i));
  g_array_set_size (buffers->idle, 0);
}

gboolean
gonio_gl_buffers_take (GonioGlBuffers *buffers, gint64 texels, gboolean half,
                       GonioGlMemory *out_memory, GError **error)
{
  guint best = G_MAXUINT;
  gint64 size = MAX (texels, 1) * MOST_SLACK;
  for (guint i = 0; i < buffers->idle->len; i++) {
    const GonioGlMemory *memory = &g_array_index (buffers->idle, GonioGlMemory, i);
    if (memory->half == half && memory->texels >= texels && memory->texels <= size) {
      size = memory->texels;
      best = i;
    }
  }
  if (best != G_MAXUINT) {
    *out_memory = g_array_index (buffers->idle, GonioGlMemory, best);
    g_array_remove_index_fast (buffers->idle, best);
    return TRUE;
  }
  g_autoptr (GError) local = NULL;
  if (buffers->device->memory_new (buffers->context, texels, half, out_memory, &local))
    return TRUE;
  if (buffers->idle->len == 0 ||
      !g_error_matches (local, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  gonio_gl_buffers_trim (buffers); /* what others left may be what is missing */
  return buffers->device->memory_new (buffers->context, texels, half, out_memory, error);
}

void
gonio_gl_buffers_give (GonioGlBuffers *buffers, GonioGlMemory *memory)
{
  if (memory->name)
    g_array_append_val (buffers->idle, *memory);
  *memory = (GonioGlMemory){0};
}
