/* Matrix products on matrix units: packing, bands, blocks and threads. */
#include "backends/cpu/gemm-parts.h"

#include "core/base/memory.h"

#include <math.h>
#include <string.h>

#define STEP  ((size_t)GONIO_CPU_PARTS_STEP)
#define COLS  ((size_t)GONIO_CPU_PARTS_COLS)
#define ROWS  ((size_t)GONIO_CPU_PARTS_ROWS)
#define PARTS ((size_t)GONIO_CPU_PARTS)
#define TILE  ((size_t)16) /* columns that the unit multiplies at once */

/* What is split for a band stays in the second-level cache while panel after panel passes, each
 * in pieces that leave room for it. */
#define BAND_BYTES   ((size_t)768 * 1024)
#define PANEL_DEPTH  ((size_t)1536)
#define LEAST_PIECE  ((size_t)224)        /* of an ordinary matrix's rows is split at a time, */
#define MOST_PIECE   ((size_t)1024)       /* depending on how many there are */
#define PLAIN_LINE   ((size_t)32)         /* most rows of a line of an ordinary matrix */
#define FEW_ROWS     ((size_t)512)        /* over so many numbers of a right side wait for them; */
#define MANY_NUMBERS ((size_t)400 * 1024) /* split they would be half as large again */
#define SHORT_ROW    ((size_t)480)        /* its rows are not moved apart */
#define HUGE_BITS    (254u << 24)         /* 2^127, shifted by its sign */
#define FLOAT_DEPTH  ((size_t)256)        /* numbers of a row that are multiplied as floats at a */
#define FLOAT_ROWS   ((size_t)14)         /* time, and most rows */

gboolean
gonio_cpu_parts_suit (const GonioCpuKernels *kernels, size_t m, size_t depth, size_t uses)
{
  const GonioCpuParts *parts = kernels->parts;
  if (!parts || m < parts->least_rows || depth < parts->least_depth || uses < parts->least_uses)
    return FALSE;
  gboolean always = parts->least_rows == 1;
  return always || m > FEW_ROWS || depth * uses < MANY_NUMBERS;
}

gboolean
gonio_cpu_parts_can_split (const GonioTensor *weights)
{
  const float *x = gonio_tensor_data (weights);
  int64_t count = gonio_tensor_count (weights), i = 0;
  uint32_t most[16] = {0};
  for (; i + 16 <= count; i += 16)
    for (int j = 0; j < 16; j++) {
      uint32_t bits;
      memcpy (&bits, x + i + j, sizeof bits);
      bits <<= 1; /* the sign goes */
      most[j] = bits > most[j] ? bits : most[j];
    }
  gboolean good = TRUE;
  for (int j = 0; j < 16; j++)
    good &= most[j] < HUGE_BITS;
  for (; i < count; i++)
    good &= fabsf (x[i]) < 0x1p127f;
  return good;
}

static size_t
round_up (size_t n, size_t step)
{
  return (n + step - 1) / step * step;
}

/* ---- ordinary matrices ---- */

static gboolean
plain_fill (const GonioCpuGemm *product, const GonioCpuParts *parts, size_t line, size_t lines,
            size_t first_k, size_t count_k, uint16_t *out, size_t part)
{
  size_t first = line * product->form->line;
  size_t end = MIN (first + lines * product->form->line, product->m);
  gboolean good = TRUE;
  if (product->form->row_step == product->kc && product->lda == product->kc) {
    size_t count = (end - first) * product->lda;
    good = parts->split (product->a + first * product->lda, out, part, count);
    for (size_t p = 0; p < PARTS; p++) /* the last row's step may reach beyond it */
      memset (out + p * part + count, 0, STEP * sizeof *out);
    return good;
  }
  for (size_t row = first; row < end; row++, out += product->form->row_step)
    good &= parts->split (product->a + row * product->lda + first_k, out, part, count_k);
  return good;
}

static void
plain_read (const GonioCpuGemm *product, size_t row, size_t run, size_t first, size_t count,
            float *out)
{
  memcpy (out, product->a + row * product->lda + first, count * sizeof *out);
}

gboolean
gonio_cpu_parts_form_plain (GonioCpuPartsForm *form, size_t m, size_t kc, size_t lda,
                            GError **error)
{
  size_t lines = (m + PLAIN_LINE - 1) / PLAIN_LINE;
  return gonio_cpu_parts_form_lines (form, m, (m + lines - 1) / lines, kc, lda, error);
}

gboolean
gonio_cpu_parts_form_lines (GonioCpuPartsForm *form, size_t m, size_t line, size_t kc, size_t lda,
                            GError **error)
{
  size_t fitting = 2 * BAND_BYTES / (PARTS * sizeof (uint16_t)) / MIN (m, FEW_ROWS);
  size_t most = CLAMP (fitting, LEAST_PIECE, MOST_PIECE);
  /* Short rows that follow each other are split as one. Of long ones a step more than needed is
   * kept, so that they do not fall on the same lines of the first-level cache. */
  gboolean dense = lda == kc && kc <= SHORT_ROW;
  size_t pieces = dense ? 1 : (kc + most - 1) / most;
  size_t piece = round_up ((kc + pieces - 1) / pieces, STEP);
  size_t row_step = dense ? kc : piece + STEP;
  *form = (GonioCpuPartsForm){.line = line,
                              .row_step = row_step,
                              .line_step = line * row_step,
                              .runs = 1,
                              .length = kc,
                              .piece = pieces > 1 ? piece : 0,
                              .offsets = gonio_new0 (size_t, 1, "a product's form", error),
                              .reach = line * row_step,
                              .fill = plain_fill,
                              .read = plain_read};
  return form->offsets != NULL;
}

void
gonio_cpu_parts_form_clear (GonioCpuPartsForm *form)
{
  g_clear_pointer (&form->offsets, g_free);
}

/* ---- the right side ---- */

static size_t
panel_width (size_t n, size_t column)
{
  return MIN (COLS, round_up (n - column, TILE));
}

size_t
gonio_cpu_parts_size (const GonioCpuPack *pack)
{
  return pack->taps * round_up (pack->kc, STEP) * round_up (pack->n, TILE) * PARTS;
}

static int64_t
row_offset (const GonioCpuPack *pack, size_t k)
{
  if (pack->fold == 0)
    return (int64_t)k * pack->sk;
  return (int64_t)(k / pack->fold) * pack->sf + (int64_t)(k % pack->fold) * pack->sk;
}

/* One tile: 32 rows from k on, 16 columns from j on, zero where there is none. Rows that fold are
 * taken run by run, those of a tile may belong to two of them. */
static gboolean
pack_tile (const GonioCpuParts *parts, const GonioCpuPack *pack, const float *source, size_t tap,
           size_t k, size_t j, uint16_t *out, size_t part)
{
  size_t rows = MIN (STEP, pack->kc - k), cols = j < pack->n ? MIN (TILE, pack->n - j) : 0;
  source += (int64_t)tap * pack->st + (int64_t)j * pack->sj;
  if (pack->fold == 0 || k / pack->fold == (k + rows - 1) / pack->fold)
    return parts->pack (source + row_offset (pack, k), pack->sk, pack->sj, rows, cols, pack->scale,
                        out, part);
  float tile[GONIO_CPU_PARTS_STEP * 16];
  for (size_t row = 0; row < rows; row++)
    for (size_t column = 0; column < cols; column++)
      tile[row * TILE + column] = source[row_offset (pack, k + row) + (int64_t)column * pack->sj];
  return parts->pack (tile, TILE, 1, rows, cols, pack->scale, out, part);
}

size_t
gonio_cpu_parts_panels (const GonioCpuPack *pack)
{
  return (pack->n + COLS - 1) / COLS;
}

gboolean
gonio_cpu_parts_pack (const GonioCpuParts *parts, const GonioCpuPack *pack, const float *source,
                      size_t panel, uint16_t *packed)
{
  gboolean good = TRUE;
  size_t column = panel * COLS, width = panel_width (pack->n, column);
  packed += pack->taps * round_up (pack->kc, STEP) * column * PARTS;
  for (size_t tap = 0; tap < pack->taps; tap++)
    for (size_t k = 0; k < pack->kc; k += STEP, packed += PARTS * STEP * width)
      for (size_t j = 0; j < width; j += TILE)
        good &=
            pack_tile (parts, pack, source, tap, k, column + j, packed + j * STEP, STEP * width);
  return good;
}

static float
half_float (uint32_t bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

/* Rows k..k+count-1 (from an even one on, of whole steps) of a packed panel as they were: their
 * parts add up to that. A pair of rows is a run of 32-bit numbers, the first row in the lower
 * halves. */
static void
unpack_rows (const uint16_t *panel, size_t width, size_t k, size_t count, float *out)
{
  for (size_t row = k; row < k + count; row += 2, out += 2 * width)
    for (size_t j = 0; j < width; j += TILE) {
      uint32_t pairs[PARTS][TILE];
      float sums[2][TILE];
      const uint16_t *at = panel + row / STEP * PARTS * STEP * width + j * STEP + row % STEP * TILE;
      for (size_t p = 0; p < PARTS; p++)
        memcpy (pairs[p], at + p * STEP * width, sizeof pairs[p]);
      for (size_t i = 0; i < TILE; i++) {
        sums[0][i] = half_float (pairs[2][i] << 16) + half_float (pairs[1][i] << 16) +
                     half_float (pairs[0][i] << 16);
        sums[1][i] = half_float (pairs[2][i] & 0xffff0000) + half_float (pairs[1][i] & 0xffff0000) +
                     half_float (pairs[0][i] & 0xffff0000);
      }
      memcpy (out + j, sums[0], sizeof sums[0]);
      memcpy (out + width + j, sums[1], sizeof sums[1]);
    }
}

/* ---- bands: some lines by some panels ---- */

typedef struct {
  const GonioCpuGemm *gemm;
  const GonioCpuKernels *kernels;
  GCancellable *cancellable; /* nullable */
  size_t lines, band_lines, bands;
  size_t panels, band_panels, panel_bands;
  size_t line_tiles, tile_rows; /* a line is that many tiles */
  size_t runs;                  /* of a panel that are taken at a time */
  size_t part;                  /* numbers that a part of what is split takes */
} Plan;

typedef struct {
  const Plan *plan;
  GonioCpuGemm product;
  size_t line, lines, panel, panels;
  uint16_t *split;
} Band;

static size_t
part_size (const Plan *plan)
{
  const GonioCpuPartsForm *form = plan->gemm->form;
  /* Tiles may stand out beyond a line, and behind the end a whole step is read; the odd step
   * keeps parts off the same cache lines. */
  size_t beyond = (plan->line_tiles * plan->tile_rows - form->line) * form->row_step;
  return round_up ((plan->band_lines - 1) * form->line_step + form->reach + beyond, STEP) +
         3 * STEP; /* of numbers, so whole cache lines */
}

/* As many lines as fit, all bands alike. */
static size_t
band_lines (const GonioCpuPartsForm *form, size_t lines, size_t least_bands)
{
  size_t room = BAND_BYTES / (PARTS * sizeof (uint16_t)), most = 1;
  if (room > form->reach)
    most = (room - form->reach) / form->line_step + 1;
  size_t bands = MAX ((lines + most - 1) / most, MIN (least_bands, lines));
  return (lines + bands - 1) / bands;
}

static Plan
make_plan (const GonioCpuGemm *gemm, guint threads)
{
  const GonioCpuPartsForm *form = gemm->form;
  size_t wanted = threads > 1 ? threads * 3 : 1;
  Plan plan = {.gemm = gemm,
               .lines = (gemm->m + form->line - 1) / form->line,
               .panels = (gemm->n + COLS - 1) / COLS,
               .line_tiles = (form->line + ROWS - 1) / ROWS};
  plan.band_lines = band_lines (form, plan.lines, (wanted + gemm->batch - 1) / gemm->batch);
  plan.bands = (plan.lines + plan.band_lines - 1) / plan.band_lines;
  size_t shares = (wanted + gemm->batch * plan.bands - 1) / (gemm->batch * plan.bands);
  plan.band_panels = (plan.panels + shares - 1) / shares;
  plan.panel_bands = (plan.panels + plan.band_panels - 1) / plan.band_panels;
  plan.tile_rows = (form->line + plan.line_tiles - 1) / plan.line_tiles;
  plan.runs = MAX (PANEL_DEPTH / round_up (form->length, STEP), 1);
  plan.part = part_size (&plan);
  return plan;
}

static size_t
worker_numbers (const Plan *plan)
{
  return PARTS * plan->part;
}

size_t
gonio_cpu_parts_scratch (const GonioCpuGemm *gemm, guint threads)
{
  Plan plan = make_plan (gemm, threads);
  return MAX (threads, 1) * worker_numbers (&plan) * sizeof (uint16_t);
}

/* What of the rows' length a pass takes: some runs, or some steps of the only one. */
typedef struct {
  size_t run, runs, step, steps;
  gboolean begins, ends;
} Pass;

/* The block's share of a pass; tiles and right side still to come. */
static GonioCpuPartsTile
block_of (const Band *band, const Pass *pass, size_t column)
{
  const GonioCpuGemm *product = &band->product;
  gboolean begins = pass->begins && product->bias;
  return (GonioCpuPartsTile){.a_row = product->form->row_step,
                             .a_part = band->plan->part,
                             .offsets = product->form->offsets + pass->run,
                             .runs = pass->runs,
                             .steps = pass->steps,
                             .bias = begins ? product->bias + column : NULL,
                             .ldc = product->ldc,
                             .cols = MIN (COLS, product->n - column),
                             .tile_rows = band->plan->tile_rows,
                             .lo = pass->ends ? product->activation.lo : -INFINITY,
                             .hi = pass->ends ? product->activation.hi : INFINITY};
}

/* Where row and column of c are, from c on. */
static int64_t
result_offset (const GonioCpuGemm *product, size_t row, size_t column)
{
  const GonioCpuScatter *scatter = product->scatter;
  if (!scatter)
    return (int64_t)(row * product->ldc + column);
  return (int64_t)(row / scatter->rows * scatter->line_step + row % scatter->rows * product->ldc +
                   column % scatter->columns) +
         scatter->offsets[column / scatter->columns];
}

static void
activate (const GonioCpuGemm *product, const GonioCpuKernels *kernels, size_t row, size_t rows,
          size_t column, size_t columns)
{
  const GonioCpuActivation *activation = &product->activation;
  if (!product->scatter) {
    gonio_cpu_gemm_activate (product, kernels, row, rows, column, columns);
    return;
  }
  if (!activation->has_after)
    return;
  size_t end = MIN (column + columns, product->n);
  for (size_t i = row; i < row + rows; i++)
    for (size_t j = column; j < end; j += COLS) {
      float *c = product->c + result_offset (product, i, j);
      kernels->unary[activation->after](c, c, MIN (COLS, end - j), activation->p);
    }
}

static const uint16_t *
panel_of (const GonioCpuGemm *product, size_t column)
{
  size_t depth = product->form->runs * round_up (product->form->length, STEP);
  return product->parts + depth * column * PARTS;
}

/* Tile t of the block becomes tile `index` of the band; FALSE when that has no rows. */
static gboolean
take_tile (const Band *band, GonioCpuPartsTile *block, int t, size_t index, size_t column)
{
  const GonioCpuGemm *product = &band->product;
  const GonioCpuPartsForm *form = product->form;
  const Plan *plan = band->plan;
  size_t line = index / plan->line_tiles, x = index % plan->line_tiles * plan->tile_rows;
  size_t row = (band->line + line) * form->line + x;
  block->rows[t] = 0;
  if (line >= band->lines || x >= form->line || row >= product->m)
    return FALSE;
  block->rows[t] = MIN (MIN (plan->tile_rows, form->line - x), product->m - row);
  block->a[t] = band->split + line * form->line_step + x * form->row_step;
  int64_t at = result_offset (product, row, column);
  block->c[t] = product->c + at;
  block->add[t] = block->bias && product->add ? product->add + at : NULL;
  return TRUE;
}

/* The panel at a column, from where the pass begins. */
static const uint16_t *
panel_for (const Band *band, const Pass *pass, size_t column)
{
  const GonioCpuGemm *product = &band->product;
  size_t before = pass->run * round_up (product->form->length, STEP) + pass->step * STEP;
  return panel_of (product, column) + before * PARTS * panel_width (product->n, column);
}

/* Rows first..first+count-1 of run r of the panel at a column as they were before they were split.
 * first: even; one row more than an odd count may be written. */
static void
unpack_right (const GonioCpuGemm *product, size_t r, size_t first, size_t count, size_t column,
              float *out)
{
  unpack_rows (panel_of (product, column), panel_width (product->n, column),
               r * round_up (product->form->length, STEP) + first, count, out);
}

/* All rows of the band by a part of a panel, on the register blocks: numbers first and following of
 * run r. Rows and where they go are still to come in block. */
static void
multiply_floats (const Band *band, size_t r, size_t first, size_t column, GonioCpuGemmTile *block)
{
  const GonioCpuGemm *product = &band->product;
  const GonioCpuKernels *kernels = band->plan->kernels;
  size_t most = MIN (kernels->mr, FLOAT_ROWS), line = product->form->line;
  size_t end = MIN ((band->line + band->lines) * line, product->m);
  float gathered[FLOAT_ROWS * FLOAT_DEPTH];
  const float *rows[FLOAT_ROWS];
  for (size_t row = band->line * line, count; row < end; row += count) {
    /* those of a scattered result are equally far apart within a line only */
    count = MIN (most, (product->scatter ? MIN (row - row % line + line, end) : end) - row);
    for (size_t i = 0; i < count; i++) {
      rows[i] = gathered + i * block->kc;
      product->form->read (product, row + i, r, first, block->kc, gathered + i * block->kc);
    }
    int64_t at = result_offset (product, row, column);
    block->rows = rows;
    block->mr = (guint)count;
    block->c = product->c + at;
    block->add = block->bias && product->add ? product->add + at : NULL;
    kernels->gemm (block);
  }
}

/* Infinities, NaN and what is nearly infinite cannot be split: a pass over a panel in floats. */
static void
multiply_plainly (const Band *band, const Pass *pass, size_t column)
{
  const GonioCpuGemm *product = &band->product;
  const GonioCpuActivation *activation = &product->activation;
  float right[FLOAT_DEPTH * COLS] __attribute__ ((aligned (64)));
  size_t begin = pass->step * STEP, end = MIN (begin + pass->steps * STEP, product->form->length);
  for (size_t r = pass->run; r < pass->run + pass->runs; r++)
    for (size_t first = begin; first < end; first += FLOAT_DEPTH) {
      size_t count = MIN (FLOAT_DEPTH, end - first);
      gboolean begins = pass->begins && r == pass->run && first == begin;
      gboolean ends = pass->ends && r + 1 == pass->run + pass->runs && first + count == end;
      GonioCpuGemmTile block = {.taps = 1,
                                .kc = count,
                                .w = right,
                                .bias = begins && product->bias ? product->bias + column : NULL,
                                .ldc = product->ldc,
                                .cols = (guint)MIN (COLS, product->n - column),
                                .lo = ends ? activation->lo : -INFINITY,
                                .hi = ends ? activation->hi : INFINITY};
      unpack_right (product, r, first, count, column, right);
      multiply_floats (band, r, first, column, &block);
    }
}

/* One pass. split: the band could be. */
static void
multiply (const Band *band, const Pass *pass, gboolean split)
{
  const Plan *plan = band->plan;
  size_t tiles = band->lines * plan->line_tiles;
  for (size_t panel = band->panel; panel < band->panel + band->panels; panel++) {
    size_t column = panel * COLS;
    GonioCpuPartsTile block = block_of (band, pass, column);
    if (g_cancellable_is_cancelled (band->plan->cancellable))
      return;
    if (!split) {
      multiply_plainly (band, pass, column);
      continue;
    }
    block.b = panel_for (band, pass, column);
    for (size_t index = 0; index < tiles;) {
      int t = 0;
      while (index < tiles && t < 2)
        t += take_tile (band, &block, t, index++, column);
      if (t < 2)
        block.rows[t] = 0;
      if (t > 0)
        plan->kernels->parts->block (&block);
    }
  }
}

/* Splits what a pass reads; FALSE when something cannot be split. */
static gboolean
fill (const Band *band, const Pass *pass)
{
  const GonioCpuPartsForm *form = band->product.form;
  const Plan *plan = band->plan;
  size_t used = (band->lines - 1) * form->line_step + form->reach, first = pass->step * STEP;
  for (size_t p = 0; p < PARTS; p++)
    memset (band->split + p * plan->part + used, 0, STEP * sizeof (uint16_t));
  return form->fill (&band->product, plan->kernels->parts, band->line, band->lines, first,
                     MIN (pass->steps * STEP, form->length - first), band->split, plan->part);
}

/* An ordinary matrix, split piece by piece. */
static void
run_pieces (const Band *band)
{
  size_t steps = (band->product.form->length + STEP - 1) / STEP;
  size_t piece = band->product.form->piece / STEP;
  for (size_t step = 0; step < steps; step += piece) {
    size_t count = MIN (piece, steps - step);
    Pass pass = {0, 1, step, count, step == 0, step + count == steps};
    multiply (band, &pass, fill (band, &pass));
  }
}

/* Rows of several runs, split at once. */
static void
run_runs (const Band *band)
{
  const GonioCpuPartsForm *form = band->product.form;
  size_t steps = (form->length + STEP - 1) / STEP;
  Pass all = {0, form->runs, 0, steps, TRUE, TRUE};
  gboolean split = fill (band, &all);
  for (size_t r = 0; r < form->runs; r += band->plan->runs) {
    size_t count = MIN (band->plan->runs, form->runs - r);
    multiply (band, &(Pass){r, count, 0, steps, r == 0, r + count == form->runs}, split);
  }
}

static void
run_band (const Band *band)
{
  const GonioCpuPartsForm *form = band->product.form;
  size_t row = band->line * form->line;
  (form->piece ? run_pieces : run_runs) (band);
  activate (&band->product, band->plan->kernels, row,
            MIN (band->lines * form->line, band->product.m - row), band->panel * COLS,
            band->panels * COLS);
}

static void
work (void *context, guint worker, GonioCpuItems *items)
{
  const Plan *plan = context;
  size_t index, per_product = plan->bands * plan->panel_bands;
  Band band = {.plan = plan,
               .split = (uint16_t *)plan->gemm->scratch + worker * worker_numbers (plan)};
  gboolean begun = FALSE;
  while (gonio_cpu_next (items, worker, &index)) {
    if (!begun)
      plan->kernels->parts->begin ((guint)plan->tile_rows);
    begun = TRUE;
    band.product = *plan->gemm;
    if (band.product.select)
      band.product.select (&band.product, index / per_product);
    size_t at = index % per_product / plan->panel_bands;
    band.line = plan->lines * at / plan->bands;
    band.lines = plan->lines * (at + 1) / plan->bands - band.line;
    band.panel = index % plan->panel_bands * plan->band_panels;
    band.panels = MIN (plan->band_panels, plan->panels - band.panel);
    run_band (&band);
  }
  if (begun)
    plan->kernels->parts->end ();
}

void
gonio_cpu_parts_run (const GonioCpuGemm *gemm, const GonioCpuRun *run)
{
  Plan plan = make_plan (gemm, run->threads);
  plan.kernels = run->kernels;
  plan.cancellable = run->cancellable;
  gonio_cpu_workers (run, gemm->batch * plan.bands * plan.panel_bands, work, &plan);
}
