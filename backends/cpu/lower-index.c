/* Gather along one axis, with indices that are only known when running. */
#include "backends/cpu/lower.h"

#include <string.h>

typedef struct {
  GonioCpuSlot data, indices, out;
  int64_t outer, length, n_indices;
  size_t row;    /* bytes */
  gboolean wide; /* 64-bit indices */
} Gather;

typedef struct {
  const Gather *step;
  const char *data;
  const void *indices;
  char *out;
  gint failed; /* atomic: an index was out of range */
  int64_t bad;
} GatherJob;

static int64_t
index_at (const GatherJob *job, int64_t i)
{
  return job->step->wide ? ((const int64_t *)job->indices)[i] : ((const int32_t *)job->indices)[i];
}

static void
gather_task (void *context, size_t start, size_t count)
{
  GatherJob *job = context;
  const Gather *step = job->step;
  for (size_t i = start; i < start + count; i++) {
    int64_t outer = (int64_t)i / step->n_indices;
    int64_t index = index_at (job, (int64_t)i % step->n_indices);
    index += index < 0 ? step->length : 0;
    if (index < 0 || index >= step->length) {
      g_atomic_int_set (&job->failed, 1);
      return;
    }
    memcpy (job->out + i * step->row,
            job->data + (size_t)(outer * step->length + index) * step->row, step->row);
  }
}

static gboolean
gather_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Gather *step = data;
  GatherJob job = {.step = step,
                   .data = gonio_cpu_ptr (run, step->data),
                   .indices = gonio_cpu_ptr (run, step->indices),
                   .out = gonio_cpu_ptr (run, step->out)};
  gonio_cpu_parallel (run, gather_task, &job, (size_t)(step->outer * step->n_indices),
                      gonio_cpu_grain (step->row / 16 + 8));
  if (!g_atomic_int_get (&job.failed))
    return TRUE;
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE,
               "an index is outside the axis of %" G_GINT64_FORMAT " elements", step->length);
  return FALSE;
}

static const char *
gather_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *data = gonio_cpu_in (node, 0), *indices = gonio_cpu_in (node, 1);
  if (indices->dtype != GONIO_DTYPE_INT64 && indices->dtype != GONIO_DTYPE_INT32)
    return "the indices are not int32 or int64";
  if (gonio_cpu_normal_axis (gonio_node_attr_int (node->node, "axis", 0), data->shape.rank) < 0)
    return "axis is out of range";
  if (gonio_cpu_count (data) == 0)
    return "an input without elements";
  gonio_cpu_claim_plain (out_claim);
  return NULL;
}

static gboolean
gather_lower (GonioCpuLower *lower, GError **error)
{
  const GonioValue *data = gonio_cpu_in (&lower->node, 0),
                   *indices = gonio_cpu_in (&lower->node, 1);
  GonioShape shape = gonio_cpu_shape (data);
  int axis = gonio_cpu_normal_axis (gonio_node_attr_int (lower->node.node, "axis", 0), shape.rank);
  Gather *step = gonio_cpu_step (lower, gather_run, sizeof *step, NULL);
  step->outer = 1;
  step->row = gonio_dtype_bits (data->dtype) / 8;
  for (int i = 0; i < axis; i++)
    step->outer *= shape.dims[i];
  for (int i = axis + 1; i < shape.rank; i++)
    step->row *= (size_t)shape.dims[i];
  step->length = shape.dims[axis];
  step->n_indices = gonio_cpu_count (indices);
  step->wide = indices->dtype == GONIO_DTYPE_INT64;
  step->data = gonio_cpu_slot_in (lower, 0);
  step->indices = gonio_cpu_slot_in (lower, 1);
  step->out = gonio_cpu_slot_out (lower, 0);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_index[] = {
    {GONIO_OP_GATHER, gather_claim, gather_lower, NULL, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
