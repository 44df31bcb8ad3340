/* Matrix products: packing, tiling and threading around the kernels' register blocks. */
#include "backends/cpu/gemm.h"

#include "backends/cpu/gemm-parts.h"

#include <math.h>
#include <string.h>

/* Row addresses and gathered rows of one tile live on the stack. */
#define MAX_ADDRESSES 2048
#define GATHER_FLOATS 12288
/* Rows per tile, so that they stay near while panel after panel passes. */
#define TILE_ROWS 112
/* Panels up to that length are fetched ahead. */
#define FETCH_FLOATS ((size_t)64 * 1024)
/* Multiplications below which waking other threads costs more than it saves. */
#define SMALL_PRODUCT 2e5
/* Tiles per thread, so that all end at about the same time. */
#define TILES 8
/* Bytes of packed panels that one tile walks over. */
#define TILE_PANELS (512 * 1024)

size_t
gonio_cpu_padded_columns (const GonioCpuKernels *kernels, size_t n)
{
  return (n + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
}

size_t
gonio_cpu_packed_floats (const GonioCpuKernels *kernels, size_t taps, size_t kc, size_t n)
{
  return taps * kc * gonio_cpu_padded_columns (kernels, n);
}

/* ---- packing ---- */

static void
pack_panel (const GonioCpuKernels *kernels, const GonioCpuPack *pack, const float *source,
            float *packed, size_t panel)
{
  size_t first = panel * kernels->nr, cols = MIN (kernels->nr, pack->n - first);
  size_t width = gonio_cpu_padded_columns (kernels, cols);
  float *out = packed + pack->taps * pack->kc * first;
  if (pack->sk == 1 && pack->taps == 1 && pack->scale == 1.0f && pack->sj > 0) {
    if (cols < width)
      memset (out, 0, pack->kc * width * sizeof *out);
    kernels->transpose (source + (int64_t)first * pack->sj, (size_t)pack->sj, out, width, cols,
                        pack->kc);
    return;
  }
  for (size_t t = 0; t < pack->taps; t++)
    for (size_t k = 0; k < pack->kc; k++, out += width) {
      const float *in =
          source + (int64_t)t * pack->st + (int64_t)k * pack->sk + (int64_t)first * pack->sj;
      if (pack->sj == 1 && pack->scale == 1.0f)
        memcpy (out, in, cols * sizeof *out);
      else
        for (size_t j = 0; j < cols; j++)
          out[j] = in[(int64_t)j * pack->sj] * pack->scale;
      if (cols < width)
        memset (out + cols, 0, (width - cols) * sizeof *out);
    }
}

static size_t
panel_count (const GonioCpuKernels *kernels, size_t n)
{
  return (n + kernels->nr - 1) / kernels->nr;
}

void
gonio_cpu_pack (const GonioCpuKernels *kernels, const GonioCpuPack *pack, const float *source,
                float *packed)
{
  for (size_t panel = 0; panel < panel_count (kernels, pack->n); panel++)
    pack_panel (kernels, pack, source, packed, panel);
}

typedef struct {
  const GonioCpuKernels *kernels;
  const GonioCpuPack *pack;
  const float *source;
  const int64_t *offsets;
  float *packed;
} PackJob;

static void
pack_task (void *context, size_t start, size_t count)
{
  const PackJob *job = context;
  const GonioCpuPack *pack = job->pack;
  size_t panels = panel_count (job->kernels, pack->n);
  size_t size = gonio_cpu_packed_floats (job->kernels, pack->taps, pack->kc, pack->n);
  for (size_t i = start; i < start + count; i++)
    pack_panel (job->kernels, pack, job->source + job->offsets[i / panels],
                job->packed + i / panels * size, i % panels);
}

void
gonio_cpu_pack_run (const GonioCpuRun *run, const GonioCpuPack *pack, const float *source,
                    const int64_t *source_offsets, size_t count, float *packed)
{
  PackJob job = {run->kernels, pack, source, source_offsets, packed};
  gonio_cpu_parallel (run, pack_task, &job, count * panel_count (run->kernels, pack->n),
                      gonio_cpu_grain (pack->taps * pack->kc * run->kernels->nr));
}

typedef struct {
  const GonioCpuKernels *kernels;
  const GonioCpuPack *pack;
  const float *source;
  const int64_t *offsets;
  uint16_t *packed;
  gint refused; /* atomic */
} PartsJob;

static void
parts_task (void *context, size_t start, size_t count)
{
  PartsJob *job = context;
  size_t panels = gonio_cpu_parts_panels (job->pack), size = gonio_cpu_parts_size (job->pack);
  for (size_t i = start; i < start + count; i++)
    if (!gonio_cpu_parts_pack (job->kernels->parts, job->pack,
                               job->source + job->offsets[i / panels], i % panels,
                               job->packed + i / panels * size))
      g_atomic_int_set (&job->refused, TRUE);
}

/* Values that cannot be split leave the right side in floats. */
static GonioTensor *
pack_parts (const GonioBackend *backend, const GonioCpuPack *pack, const float *source,
            const int64_t *offsets, size_t count, GError **error)
{
  size_t size = gonio_cpu_parts_size (pack), panels = gonio_cpu_parts_panels (pack);
  g_autoptr (GonioTensor) packed = gonio_cpu_floats_unset (backend, (count * size + 1) / 2, error);
  if (!packed)
    return NULL;
  PartsJob job = {backend->kernels, pack, source, offsets, gonio_tensor_writable_data (packed), 0};
  GonioCpuRun run = {.pool = backend->pool, .threads = backend->threads};
  gonio_cpu_parallel (&run, parts_task, &job, count * panels,
                      gonio_cpu_grain (size / MAX (panels, 1)));
  return job.refused ? NULL : g_steal_pointer (&packed);
}

static GonioTensor *
pack_floats (const GonioBackend *backend, const GonioCpuPack *pack, const float *source,
             const int64_t *offsets, size_t count, GError **error)
{
  size_t size = gonio_cpu_packed_floats (backend->kernels, pack->taps, pack->kc, pack->n);
  g_autoptr (GonioTensor) packed = gonio_cpu_floats_unset (backend, count * size, error);
  GonioCpuRun run = {
      .pool = backend->pool, .threads = backend->threads, .kernels = backend->kernels};
  if (packed)
    gonio_cpu_pack_run (&run, pack, source, offsets, count, gonio_tensor_writable_data (packed));
  return g_steal_pointer (&packed);
}

gboolean
gonio_cpu_right_init (GonioCpuRight *right, GonioCpuLower *lower, const GonioCpuGemm *gemm,
                      const GonioCpuPack *pack, const GonioTensor *source,
                      const int64_t *source_offsets, size_t count, GError **error)
{
  const GonioCpuKernels *kernels = lower->backend->kernels;
  const float *numbers = gonio_tensor_data (source);
  g_autoptr (GError) none = NULL;
  g_autoptr (GonioTensor) packed = NULL;
  right->scratch = GONIO_CPU_NO_SLOT;
  if (gemm->form)
    packed = pack_parts (lower->backend, pack, numbers, source_offsets, count, &none);
  if (none && !gemm->rows) { /* no other form would do */
    g_propagate_error (error, g_steal_pointer (&none));
    return FALSE;
  }
  if (packed) {
    right->size = gonio_cpu_parts_size (pack);
    right->scratch = gonio_cpu_slot_scratch (
        lower, gonio_cpu_parts_scratch (gemm, MAX (lower->backend->threads, 1)));
  } else {
    packed = pack_floats (lower->backend, pack, numbers, source_offsets, count, error);
    right->size = gonio_cpu_packed_floats (kernels, pack->taps, pack->kc, pack->n);
  }
  if (!packed)
    return FALSE;
  right->packed = gonio_cpu_slot_tensor (lower, packed);
  return TRUE;
}

void
gonio_cpu_right_use (const GonioCpuRight *right, const GonioCpuRun *run, GonioCpuGemm *gemm)
{
  gpointer packed = gonio_cpu_ptr (run, right->packed);
  gemm->right_size = right->size;
  gemm->scratch = gonio_cpu_ptr (run, right->scratch);
  if (right->scratch != GONIO_CPU_NO_SLOT)
    gemm->parts = packed;
  else
    gemm->packed = packed;
}

/* ---- the product ---- */

typedef struct {
  const GonioCpuGemm *gemm;
  const GonioCpuKernels *kernels;
  size_t tap_step;  /* taps per pass over a tile */
  size_t parts;     /* of the rows, one after the other */
  size_t row_tiles; /* of a part */
  size_t panel_tiles;
} Plan;

void
gonio_cpu_rows_plain (const GonioCpuGemm *product, size_t first, size_t count, size_t tap,
                      size_t taps, size_t step, const float **out)
{
  for (size_t i = 0; i < count; i++)
    out[i] = product->a + (first + i) * product->lda;
}

GonioCpuActivation
gonio_cpu_activation (const GonioNode *node)
{
  GonioActivation fused = gonio_node_activation (node);
  GonioCpuActivation activation = {.lo = -INFINITY, .hi = INFINITY};
  if (fused.kind == GONIO_ACT_CLIP) {
    activation.lo = fused.params[0];
    activation.hi = fused.params[1];
  } else {
    activation.has_after = gonio_cpu_activation_kernel (&fused, &activation.after, activation.p);
  }
  return activation;
}

typedef struct {
  size_t first, count; /* rows of the tile */
  size_t blocks;       /* of at most kernels->mr rows */
  size_t panel, panels;
} Tile;

/* Blocks differ by one row at most: a short last block would waste its panel passes. */
static size_t
block_start (const Tile *tile, size_t block)
{
  return tile->count * block / tile->blocks;
}

/* One pass over the tile: taps tap..tap+taps-1, rows by address. */
static void
pass (const Plan *plan, const GonioCpuGemm *product, const Tile *tile, size_t tap, size_t taps,
      const float *const *rows, size_t row_step, size_t kc)
{
  const GonioCpuKernels *kernels = plan->kernels;
  gboolean last = tap + taps == product->taps;
  size_t depth = taps * kc; /* rows of a panel */
  for (size_t panel = tile->panel; panel < tile->panel + tile->panels; panel++) {
    size_t column = panel * kernels->nr, cols = MIN (kernels->nr, product->n - column);
    size_t width = gonio_cpu_padded_columns (kernels, cols);
    GonioCpuGemmTile block = {
        .row_step = row_step,
        .taps = taps,
        .kc = kc,
        .w = product->packed + product->taps * product->kc * column + tap * kc * width,
        .bias = tap == 0 && product->bias ? product->bias + column : NULL,
        .ldc = product->ldc,
        .cols = (guint)cols,
        .lo = last ? product->activation.lo : -INFINITY,
        .hi = last ? product->activation.hi : INFINITY,
    };
    /* all blocks together fetch the panel that follows */
    if (taps == product->taps && depth * width <= FETCH_FLOATS)
      block.fetch_step = (width + tile->blocks - 1) / tile->blocks;
    for (size_t b = 0; b < tile->blocks; b++) {
      size_t start = block_start (tile, b);
      block.fetch =
          block.fetch_step ? block.w + depth * width + depth * width * b / tile->blocks : NULL;
      block.rows = rows + b * taps * row_step;
      block.mr = (guint)(block_start (tile, b + 1) - start);
      size_t at = (tile->first + start) * product->ldc + column;
      block.c = product->c + at;
      block.add = block.bias && product->add ? product->add + at : NULL;
      kernels->gemm (&block);
    }
  }
}

static void
pass_by_address (const Plan *plan, const GonioCpuGemm *product, const Tile *tile)
{
  const float *rows[MAX_ADDRESSES];
  size_t step = plan->kernels->mr;
  for (size_t tap = 0; tap < product->taps; tap += plan->tap_step) {
    size_t taps = MIN (plan->tap_step, product->taps - tap);
    for (size_t b = 0; b < tile->blocks; b++) {
      size_t start = block_start (tile, b);
      product->rows (product, tile->first + start, block_start (tile, b + 1) - start, tap, taps,
                     step, rows + b * taps * step);
    }
    pass (plan, product, tile, tap, taps, rows, step, product->kc);
  }
}

static void
pass_gathered (const Plan *plan, const GonioCpuGemm *product, const Tile *tile)
{
  float room[GATHER_FLOATS];
  const float *rows[MAX_ADDRESSES];
  size_t length = product->taps * product->kc, step = plan->kernels->mr;
  for (size_t b = 0; b < tile->blocks; b++) {
    size_t start = block_start (tile, b);
    product->gather (product, tile->first + start, block_start (tile, b + 1) - start, step,
                     rows + b * product->runs * step, room + start * length);
  }
  GonioCpuGemm by_runs = *product; /* the same floats, as runs instead of taps */
  by_runs.taps = product->runs;
  by_runs.kc = length / product->runs;
  pass (plan, &by_runs, tile, 0, by_runs.taps, rows, step, by_runs.kc);
}

void
gonio_cpu_gemm_activate (const GonioCpuGemm *product, const GonioCpuKernels *kernels, size_t row,
                         size_t rows, size_t column, size_t columns)
{
  size_t cols = MIN (columns, product->n - column);
  float *c = product->c + row * product->ldc + column;
  if (!product->activation.has_after)
    return;
  GonioCpuUnaryFunc after = kernels->unary[product->activation.after];
  if (cols == product->ldc) {
    after (c, c, rows * cols, product->activation.p);
    return;
  }
  for (size_t i = 0; i < rows; i++, c += product->ldc)
    after (c, c, cols, product->activation.p);
}

/* Tiles in order batch, part, panels, rows: a panel passes over all rows of a part. */
static void
tile_task (void *context, size_t start, size_t count)
{
  const Plan *plan = context;
  size_t panels = panel_count (plan->kernels, plan->gemm->n);
  size_t per_part = plan->row_tiles * plan->panel_tiles, per_product = plan->parts * per_part;
  size_t row_tiles = plan->parts * plan->row_tiles;
  for (size_t i = start; i < start + count; i++) {
    GonioCpuGemm product = *plan->gemm;
    if (product.select)
      product.select (&product, i / per_product);
    size_t strip = i % per_part / plan->row_tiles;
    Tile tile = {.panel = panels * strip / plan->panel_tiles};
    tile.panels = panels * (strip + 1) / plan->panel_tiles - tile.panel;
    size_t index = i % per_product / per_part * plan->row_tiles + i % plan->row_tiles;
    size_t row = product.m * index / row_tiles;
    tile.first = product.first + row;
    tile.count = product.m * (index + 1) / row_tiles - row;
    tile.blocks = (tile.count + plan->kernels->mr - 1) / plan->kernels->mr;
    if (product.gather)
      pass_gathered (plan, &product, &tile);
    else
      pass_by_address (plan, &product, &tile);
    gonio_cpu_gemm_activate (&product, plan->kernels, tile.first, tile.count,
                             tile.panel * plan->kernels->nr, tile.panels * plan->kernels->nr);
  }
}

/* Threads share the rows, so that what one computes is read by the same in the next step, or, when
 * there are more weights than that, the panels. */
static size_t
count_parts (const GonioCpuGemm *gemm, const GonioCpuKernels *kernels, guint threads)
{
  double weights = (double)gemm->taps * gemm->kc * gemm->n;
  double numbers = (double)gemm->m * (gemm->kc + gemm->n);
  return gemm->batch == 1 && weights < numbers && gemm->m >= threads * kernels->mr ? threads : 1;
}

static Plan
make_plan (const GonioCpuGemm *gemm, const GonioCpuRun *run)
{
  const GonioCpuKernels *kernels = run->kernels;
  size_t mr = kernels->mr, panels = panel_count (kernels, gemm->n);
  Plan plan = {.gemm = gemm, .kernels = kernels};
  plan.tap_step = MIN (gemm->gather ? gemm->runs : gemm->taps, MAX_ADDRESSES / mr);
  size_t rows = MIN (TILE_ROWS, MAX_ADDRESSES / plan.tap_step);
  if (gemm->gather)
    rows = MIN (rows, GATHER_FLOATS / (gemm->taps * gemm->kc));
  rows = MAX (rows / mr, 1) * mr;

  plan.parts = count_parts (gemm, kernels, run->threads);
  size_t part = (gemm->m + plan.parts - 1) / plan.parts;
  plan.row_tiles = (part + rows - 1) / rows;
  /* Enough tiles for every thread, first by fewer panels, then by fewer rows. What is gathered
   * should serve some panels. */
  size_t panel_bytes = gemm->taps * gemm->kc * kernels->nr * sizeof (float);
  size_t most = CLAMP (TILE_PANELS / MAX (panel_bytes, 1), 1, panels), least = gemm->gather ? 4 : 1;
  size_t wanted = run->threads > 1 ? (size_t)run->threads * TILES : 1;
  size_t strips = gemm->batch * plan.parts * plan.row_tiles; /* tiles if panels are not shared */
  plan.panel_tiles = MAX ((panels + most - 1) / most, (wanted + strips - 1) / strips);
  plan.panel_tiles = MIN (plan.panel_tiles, MAX (panels / least, (panels + most - 1) / most));
  while (rows > mr && gemm->batch * plan.parts * plan.row_tiles * plan.panel_tiles < wanted) {
    rows -= mr;
    plan.row_tiles = (part + rows - 1) / rows;
  }
  return plan;
}

void
gonio_cpu_gemm_run (const GonioCpuGemm *gemm, const GonioCpuRun *run)
{
  if (gemm->m == 0 || gemm->n == 0 || gemm->batch == 0)
    return;
  if (gemm->parts) {
    gonio_cpu_parts_run (gemm, run);
    return;
  }
  GonioCpuRun here = *run;
  double products = (double)gemm->batch * gemm->m * gemm->n * gemm->taps * gemm->kc;
  if (products < SMALL_PRODUCT) {
    here.threads = 1;
    here.pool = NULL;
  }
  Plan plan = make_plan (gemm, &here);
  gonio_cpu_parallel (&here, tile_task, &plan,
                      gemm->batch * plan.parts * plan.row_tiles * plan.panel_tiles, 1);
}
