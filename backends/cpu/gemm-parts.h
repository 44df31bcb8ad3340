/* Matrix products on matrix units (kernels/parts.h). What the rows are made of is split once for a
 * band of them and then read in place, so that rows may overlap, as a convolution's do. Depends on
 * gemm. */
#pragma once

#include "backends/cpu/gemm.h"

G_BEGIN_DECLS

/* How the rows lie in what is split. Lines have `line` rows each, the last one perhaps fewer. */
struct _GonioCpuPartsForm {
  size_t line;
  size_t row_step, line_step; /* numbers from row to row of a line, and from line to line */
  size_t runs, length;        /* a row is that many runs of that many numbers */
  size_t *offsets;            /* of each run from where the row starts */
  size_t reach;               /* numbers from where the last line starts to where all ends */
  size_t piece; /* the only run is split by so many numbers, the last piece may be short; 0: rows
                 * are split whole */
  /* Splits what `lines` lines from `line` on need, numbers first..first+count-1 of their only run
   * when there are pieces. FALSE when something cannot be split. */
  gboolean (*fill) (const GonioCpuGemm *product, const GonioCpuParts *parts, size_t line,
                    size_t lines, size_t first, size_t count, uint16_t *out, size_t part);
  /* Numbers first..first+count-1 of a row's run as they were before they were split. */
  void (*read) (const GonioCpuGemm *product, size_t row, size_t run, size_t first, size_t count,
                float *out);
};

/* The form of an ordinary matrix, m x kc with rows lda apart; FALSE when there is no memory. */
gboolean gonio_cpu_parts_form_plain (GonioCpuPartsForm *form, size_t m, size_t kc, size_t lda,
                                     GError **error);
/* The same in lines of that many rows; the tiles of a result that is scattered lie in one line
 * each.
 */
gboolean gonio_cpu_parts_form_lines (GonioCpuPartsForm *form, size_t m, size_t line, size_t kc,
                                     size_t lda, GError **error);
void gonio_cpu_parts_form_clear (GonioCpuPartsForm *form);

/* Is a product with a constant right side faster so on this processor? m rows of depth numbers,
 * each number multiplied `uses` times. */
gboolean gonio_cpu_parts_suit (const GonioCpuKernels *kernels, size_t m, size_t depth, size_t uses);

/* Nothing in it is infinite, NaN or nearly infinite. */
gboolean gonio_cpu_parts_can_split (const GonioTensor *weights);

/* Numbers of 16 bits that a packed right side takes: pack->taps runs of pack->kc rows. */
size_t gonio_cpu_parts_size (const GonioCpuPack *pack);
size_t gonio_cpu_parts_panels (const GonioCpuPack *pack);
/* Packs one panel into its place. FALSE when something in it cannot be split. */
gboolean gonio_cpu_parts_pack (const GonioCpuParts *parts, const GonioCpuPack *pack,
                               const float *source, size_t panel, uint16_t *packed);

/* Bytes of scratch memory for that many threads. */
size_t gonio_cpu_parts_scratch (const GonioCpuGemm *gemm, guint threads);
void gonio_cpu_parts_run (const GonioCpuGemm *gemm, const GonioCpuRun *run);

G_END_DECLS
