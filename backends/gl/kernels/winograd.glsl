// Winograd's minimal filtering F(TILE x TILE, 3 x 3) (TILE 2 or 4): along one axis of a tile, SIDE
// values in, as many products, TILE results. The points of interpolation are 0, +-1 and infinity,
// or 0, +-1/sqrt 2, +-sqrt 2 and infinity, which lose a sixth of the digits that 0, +-1, +-2 do.
// A work group has TILES tiles, each with SIDE threads: columns first, rows then. Without work groups
// (...-texel.glsl) a thread makes one value.
#define SIDE    (TILE + 2)
#define TILES   16
#define ACROSS  p[16] // tiles of a line
#define A_IMAGE p[17] // of an image
#define ALL     p[18]
#define BLOCKS  p[19] // ALL / TILES, rounded up
#define A       0.70710678118654752
#define B       1.41421356237309505
#if TILE == 4
#define EACH_SIDE(DO) DO (0) DO (1) DO (2) DO (3) DO (4) DO (5)
#define EACH_RESULT(DO) DO (0) DO (1) DO (2) DO (3)
#else
#define EACH_SIDE(DO) DO (0) DO (1) DO (2) DO (3)
#define EACH_RESULT(DO) DO (0) DO (1)
#endif
