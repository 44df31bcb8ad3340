/* 3x3 convolutions of stride 1 by Winograd's minimal filtering: tiles of the input are transformed,
 * multiplied by transformed weights position by position, and the products transformed back.
 * Depends on conv and gemm.
 *
 * Work goes by blocks of tiles, so that what lies between input and output is never larger than a
 * few hundred kilobytes per thread. Kernels: kernels/winograd.h, which has the formulas.
 *
 * Error: below 4e-6 of the largest output for 512 channels of normal weights and rectified normal
 * inputs (m = 4; direct summation: 2e-6). A number that is not finite spreads over its tile. */
#include "backends/cpu/conv.h"

#include <math.h>
#include <string.h>

/* Floats of transformed input and products that a block holds. */
#define BLOCK_FLOATS ((size_t)128 * 1024)
/* Output channels whose products are held at a time. */
#define CHUNK ((size_t)128)
/* Reading a weight that lies far away takes as long as so many multiplications by it: tiles that
 * share a weight, up to that number, cost nothing more. On the high side, because weights also cost
 * memory, and time when they are prepared. */
#define FAR_WIDE   29 /* 16 lanes */
#define FAR_NARROW 18
/* Weights that stay in the second-level cache from block to block. */
#define NEAR_WEIGHTS ((size_t)192 * 1024)
#define MAX_M        4
/* Bounds what a block of tiles takes. */
#define MAX_INPUTS 4096

typedef struct {
  GonioCpuConv conv;
  const GonioCpuWinograd *form;
  GonioCpuSlot weights, bias, scratch;
  size_t positions;
  size_t tiles, across, down;   /* of m x m outputs: all, along a line, lines of them */
  size_t block, blocks;         /* tiles per block */
  size_t panels, chunk, chunks; /* panels of kernels->nr channels: all, per chunk; chunks */
  size_t groups;                /* shares of the chunks, when blocks are few */
  size_t pitch;                 /* floats of a transformed input pixel */
  size_t in_position, out_position;
  size_t scratch_floats, n_scratch;
} Winograd;

typedef struct {
  const Winograd *self;
  const GonioCpuKernels *kernels;
  const float *in, *weights, *bias, *add;
  float *out, *scratch;
} Job;

/* The tiles of one block and where they are kept. */
typedef struct {
  size_t first, count;
  float *inputs, *products;
} Block;

typedef struct {
  int64_t n, y, x; /* image, first line, first pixel */
} Tile;

static Tile
tile_at (const Winograd *self, size_t index)
{
  return (Tile){(int64_t)(index / (self->across * self->down)),
                (int64_t)(index / self->across % self->down) * self->form->m,
                (int64_t)(index % self->across) * self->form->m};
}

static void
next_tile (const Winograd *self, Tile *tile)
{
  const int64_t m = self->form->m;
  tile->x += m;
  if (tile->x < self->conv.window.out[1])
    return;
  tile->x = 0;
  tile->y += m;
  if (tile->y < self->conv.window.out[0])
    return;
  tile->y = 0;
  tile->n++;
}

static void
transform_inputs (const Job *job, const Block *block)
{
  const Winograd *self = job->self;
  const GonioCpuWindow *w = &self->conv.window;
  GonioCpuWinogradIn work = {.line = w->line,
                             .pixel = w->pixel,
                             .channels = (size_t)w->channels_in,
                             .position = self->in_position};
  Tile tile = tile_at (self, block->first);
  for (size_t i = 0; i < block->count; i++, next_tile (self, &tile)) {
    int64_t at[2] = {tile.y - w->before[0], tile.x - w->before[1]};
    for (int axis = 0; axis < 2; axis++) {
      work.first[axis] = (int)MAX (-at[axis], 0);
      work.end[axis] = (int)CLAMP (w->in[axis] - at[axis], 0, self->form->m + 2);
    }
    work.in = job->in + tile.n * w->image + at[0] * w->line + at[1] * w->pixel;
    work.out = block->inputs + i * self->pitch;
    self->form->in (&work);
  }
}

/* Products of all positions for one chunk of output channels. Weights lie in the order in which
 * they are used: chunks, positions, panels. */
static void
multiply (const Job *job, const Block *block, size_t column, size_t columns)
{
  const Winograd *self = job->self;
  size_t inputs = (size_t)self->conv.window.channels_in, nr = job->kernels->nr;
  const float *weights = job->weights + self->positions * inputs * column;
  GonioCpuWinogradProduct work = {
      .pitch = self->pitch, .rows = block->count, .inputs = inputs, .ldc = columns};
  for (size_t position = 0; position < self->positions; position++)
    for (size_t at = 0; at < columns; at += nr) {
      work.width = MIN (nr, columns - at);
      work.inputs_at = block->inputs + position * self->in_position;
      work.out = block->products + position * self->out_position + at;
      work.weights = weights;
      weights += inputs * work.width;
      work.fetch = weights;
      self->form->product (&work);
    }
}

/* The tile's outputs by way of a buffer that the function after the clamp goes over. */
static void
finish_tile (const Job *job, GonioCpuWinogradOut *work)
{
  const Winograd *self = job->self;
  const GonioCpuActivation *activation = &self->conv.activation;
  float buffer[MAX_M * MAX_M * CHUNK] __attribute__ ((aligned (64)));
  GonioCpuWinogradOut whole = *work;
  whole.out = buffer;
  whole.pixel = (int64_t)work->channels;
  whole.line = work->cols * whole.pixel;
  self->form->out (&whole);
  job->kernels->unary[activation->after](
      buffer, buffer, (size_t)(work->rows * work->cols) * work->channels, activation->p);
  for (int y = 0; y < work->rows; y++)
    for (int x = 0; x < work->cols; x++)
      memcpy (work->out + y * work->line + x * work->pixel,
              buffer + y * whole.line + x * whole.pixel, work->channels * sizeof (float));
}

static void
transform_products (const Job *job, const Block *block, size_t column, size_t columns)
{
  const Winograd *self = job->self;
  const GonioCpuWindow *w = &self->conv.window;
  int64_t pixel = self->conv.pixel, line = w->out[1] * pixel;
  GonioCpuWinogradOut work = {
      .position = self->out_position,
      .channels = MIN (columns, (size_t)w->channels_out - column),
      .bias = job->bias + column,
      .line = line,
      .pixel = pixel,
      .add_line = line, /* what is added lies as the result does */
      .add_pixel = pixel,
      .lo = self->conv.activation.lo,
      .hi = self->conv.activation.hi,
  };
  Tile tile = tile_at (self, block->first);
  for (size_t i = 0; i < block->count; i++, next_tile (self, &tile)) {
    int64_t at = (tile.n * w->out[0] + tile.y) * line + tile.x * pixel + (int64_t)column;
    work.rows = (int)MIN (self->form->m, w->out[0] - tile.y);
    work.cols = (int)MIN (self->form->m, w->out[1] - tile.x);
    work.products = block->products + i * columns;
    work.out = job->out + at;
    work.add = job->add ? job->add + at : NULL;
    if (self->conv.activation.has_after)
      finish_tile (job, &work);
    else
      self->form->out (&work);
  }
}

/* One block and one share of the output channels. */
static void
run_item (const Job *job, size_t item, float *scratch)
{
  const Winograd *self = job->self;
  size_t index = item / self->groups, group = item % self->groups;
  size_t all = gonio_cpu_padded_columns (job->kernels, (size_t)self->conv.window.channels_out);
  Block block = {.first = self->tiles * index / self->blocks,
                 .inputs = scratch,
                 .products = scratch + self->positions * self->in_position};
  block.count = self->tiles * (index + 1) / self->blocks - block.first;
  transform_inputs (job, &block);
  size_t end = self->chunks * (group + 1) / self->groups;
  for (size_t chunk = self->chunks * group / self->groups; chunk < end; chunk++) {
    size_t column = chunk * self->chunk * job->kernels->nr;
    size_t columns = MIN (self->chunk * job->kernels->nr, all - column);
    multiply (job, &block, column, columns);
    transform_products (job, &block, column, columns);
  }
}

static void
winograd_work (void *context, guint worker, GonioCpuItems *items)
{
  const Job *job = context;
  size_t item;
  while (gonio_cpu_next (items, worker, &item))
    run_item (job, item, job->scratch + worker * job->self->scratch_floats);
}

static gboolean
winograd_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Winograd *self = data;
  Job job = {.self = self,
             .kernels = run->kernels,
             .in = (const float *)gonio_cpu_ptr (run, self->conv.in) + self->conv.window.offset,
             .weights = gonio_cpu_ptr (run, self->weights),
             .bias = gonio_cpu_ptr (run, self->bias),
             .add = gonio_cpu_ptr (run, self->conv.add),
             .out = (float *)gonio_cpu_ptr (run, self->conv.out) + self->conv.offset_out,
             .scratch = gonio_cpu_ptr (run, self->scratch)};
  gonio_cpu_workers (run, self->blocks * self->groups, winograd_work, &job);
  return TRUE;
}

/* ---- lowering ---- */

/* Floats from one position to the next: an odd number of cache lines, so that the lines of a tile
 * do not all fall into one set. */
static size_t
spread (size_t floats)
{
  size_t lines = (floats + 15) / 16;
  return (lines | 1) * 16;
}

static size_t
divide_up (size_t a, size_t b)
{
  return (a + b - 1) / b;
}

/* Time in multiplications of one thread, for a share of the tiles and of the output channels.
 * Transforming a pixel of a tile was measured to take as long as so many of them. */
static double
share_cost (const GonioCpuKernels *kernels, int m, size_t inputs, double tiles, double outputs)
{
  double positions = (m + 2) * (m + 2), far = kernels->lanes >= 16 ? FAR_WIDE : FAR_NARROW;
  double in = m == 4 ? 250 : 94, out = m == 4 ? 200 : 60;
  double padded = (double)gonio_cpu_padded_columns (kernels, inputs);
  return positions * (double)inputs * outputs * MAX (tiles, far) +
         tiles * (in * padded + out * outputs);
}

static size_t
count_tiles (const GonioCpuWindow *w, int m)
{
  return (size_t)w->batch * divide_up ((size_t)w->out[0], (size_t)m) *
         divide_up ((size_t)w->out[1], (size_t)m);
}

/* Threads take blocks of tiles, or, where that would make all of them go through far weights for
 * a few tiles each, shares of the output channels. */
static void
share_out (Winograd *self, const GonioCpuKernels *kernels, size_t threads)
{
  double best = INFINITY;
  for (size_t groups = 1; groups <= MIN (threads, self->panels); groups++) {
    size_t blocks = MIN (threads / groups, self->tiles);
    double outputs = (double)(divide_up (self->panels, groups) * kernels->nr);
    double cost = share_cost (kernels, self->form->m, (size_t)self->conv.window.channels_in,
                              (double)divide_up (self->tiles, blocks), outputs);
    if (threads % groups == 0 && cost < best) {
      best = cost;
      self->groups = groups;
      self->blocks = blocks;
    }
  }
}

static void
plan_blocks (Winograd *self, const GonioCpuKernels *kernels, size_t threads)
{
  size_t outputs = (size_t)self->conv.window.channels_out;
  self->panels = divide_up (outputs, kernels->nr);
  share_out (self, kernels, threads);
  size_t share = divide_up (self->panels, self->groups);
  self->chunk = divide_up (share, divide_up (share * kernels->nr, CHUNK));
  self->chunks = divide_up (self->panels, self->chunk);
  self->groups = MIN (self->groups, self->chunks);
  size_t columns = self->chunk * kernels->nr;
  size_t most = BLOCK_FLOATS / (self->positions * (self->pitch + columns));
  if (self->positions * self->pitch * outputs > NEAR_WEIGHTS)
    most = MAX (most, 2 * FAR_WIDE);
  most = MAX (divide_up (most, kernels->mr), 2) * kernels->mr;
  self->blocks *= divide_up (divide_up (self->tiles, self->blocks), most);
  self->block = divide_up (self->tiles, self->blocks);
  self->in_position = spread (self->block * self->pitch);
  self->out_position = spread (self->block * columns);
  self->scratch_floats = self->positions * (self->in_position + self->out_position);
  self->n_scratch = self->blocks * self->groups > 1 ? threads : 1;
}

typedef struct {
  const Winograd *self;
  const GonioCpuKernels *kernels;
  const float *raw;
  float *weights;
} Preparation;

static void
weights_task (void *context, size_t start, size_t count)
{
  const Preparation *job = context;
  const Winograd *self = job->self;
  size_t inputs = (size_t)self->conv.window.channels_in, nr = job->kernels->nr;
  size_t outputs = (size_t)self->conv.window.channels_out;
  size_t all = gonio_cpu_padded_columns (job->kernels, outputs);
  for (size_t panel = start; panel < start + count; panel++) {
    size_t column = panel * nr, first = panel / self->chunk * self->chunk * nr; /* of the chunk */
    size_t columns = MIN (nr, outputs - column);
    GonioCpuWinogradWeights work = {
        .weights = job->raw + column * inputs * 9,
        .step = inputs * 9,
        .inputs = inputs,
        .count = columns,
        .out = job->weights + inputs * (self->positions * first + column - first),
        .position = inputs * MIN (self->chunk * nr, all - first),
        .width = gonio_cpu_padded_columns (job->kernels, columns),
    };
    self->form->weights (&work);
  }
}

static GonioTensor *
transform_weights (const GonioCpuLower *lower, const Winograd *self, GError **error)
{
  const GonioBackend *backend = lower->backend;
  size_t all = gonio_cpu_padded_columns (backend->kernels, (size_t)self->conv.window.channels_out);
  size_t inputs = (size_t)self->conv.window.channels_in;
  g_autoptr (GonioTensor) weights =
      gonio_cpu_floats_unset (backend, self->positions * inputs * all, error);
  if (!weights)
    return NULL;
  Preparation job = {self, backend->kernels, gonio_cpu_conv_weights (lower),
                     gonio_tensor_writable_data (weights)};
  GonioCpuRun run = {.pool = backend->pool, .threads = backend->threads};
  gonio_cpu_parallel (&run, weights_task, &job, self->panels,
                      gonio_cpu_grain (self->positions * inputs * backend->kernels->nr));
  return g_steal_pointer (&weights);
}

static gboolean
winograd_lower (GonioCpuLower *lower, const GonioCpuConv *conv, guint form, GError **error)
{
  const GonioCpuKernels *kernels = lower->backend->kernels;
  Winograd *self = gonio_cpu_step (lower, winograd_run, sizeof *self, NULL);
  const GonioCpuWindow *w = &conv->window;
  self->conv = *conv;
  gonio_cpu_conv_slots (lower, &self->conv, TRUE);
  self->form = &kernels->winograd[form];
  size_t m = (size_t)self->form->m;
  self->positions = (m + 2) * (m + 2);
  self->down = divide_up ((size_t)w->out[0], m);
  self->across = divide_up ((size_t)w->out[1], m);
  self->tiles = count_tiles (w, self->form->m);
  self->pitch = gonio_cpu_padded_columns (kernels, (size_t)w->channels_in);
  plan_blocks (self, kernels, lower->backend->threads);
  self->scratch =
      gonio_cpu_slot_scratch (lower, self->n_scratch * self->scratch_floats * sizeof (float));
  g_autoptr (GonioTensor) weights = transform_weights (lower, self, error);
  if (!weights)
    return FALSE;
  self->weights = gonio_cpu_slot_tensor (lower, weights);
  return gonio_cpu_conv_bias (lower, 1, gonio_cpu_padded_columns (kernels, (size_t)w->channels_out),
                              &self->bias, error);
}

static gboolean
winograd_2_lower (GonioCpuLower *lower, const GonioCpuConv *conv, GError **error)
{
  return winograd_lower (lower, conv, 0, error);
}

static gboolean
winograd_4_lower (GonioCpuLower *lower, const GonioCpuConv *conv, GError **error)
{
  return winograd_lower (lower, conv, 1, error);
}

static gboolean
winograd_suits (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  const GonioCpuWindow *w = &conv->window;
  gboolean suits = conv->groups == 1 && w->channels_in <= MAX_INPUTS;
  for (int axis = 0; axis < 2; axis++)
    suits = suits && w->kernel[axis] == 3 && w->stride[axis] == 1 && w->dilation[axis] == 1;
  return suits;
}

static double
winograd_cost (const GonioCpuKernels *kernels, const GonioCpuWindow *w, int m)
{
  return share_cost (kernels, m, (size_t)w->channels_in, (double)count_tiles (w, m),
                     (double)gonio_cpu_padded_columns (kernels, (size_t)w->channels_out));
}

/* Of the direct method: nothing is transformed, and weights are waited for. */
static double
direct_cost (const GonioCpuKernels *kernels, const GonioCpuWindow *w)
{
  double far = kernels->lanes >= 16 ? FAR_WIDE : FAR_NARROW;
  return 9.0 * (double)w->channels_in * ((double)(w->batch * w->out[0] * w->out[1]) + far) *
         (double)gonio_cpu_padded_columns (kernels, (size_t)w->channels_out);
}

static gboolean
winograd_4_pays (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  double cost = winograd_cost (kernels, &conv->window, 4);
  return cost < winograd_cost (kernels, &conv->window, 2) &&
         cost < direct_cost (kernels, &conv->window);
}

static gboolean
winograd_2_pays (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  return winograd_cost (kernels, &conv->window, 2) < direct_cost (kernels, &conv->window);
}

const GonioCpuConvMethod gonio_cpu_conv_winograd_2 = {"winograd2", winograd_suits, winograd_2_lower,
                                                      winograd_2_pays};
const GonioCpuConvMethod gonio_cpu_conv_winograd_4 = {"winograd4", winograd_suits, winograd_4_lower,
                                                      winograd_4_pays};
