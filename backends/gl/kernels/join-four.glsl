// Four targets into one result: outer x lines x inner texels, of whose lines each target has every
// fourth. 0 .. 3: the targets.
#define LINES p[0]
#define QUADS p[1] // fours of lines
#define INNER p[2]
vec4 texel (int i) {
  int line = i / INNER % LINES;
  int at = (i / INNER / LINES * QUADS + line / 4) * INNER + i % INNER;
  line %= 4;
  if (line < 2)
    return line == 0 ? in0 (at) : in1 (at);
  return line == 2 ? in2 (at) : in3 (at);
}
