// Four lanes of the depth times four fours of outputs, added to a sum.
vec4 madd (vec4 sum, vec4 v, vec4 w0, vec4 w1, vec4 w2, vec4 w3) {
  sum += v.x * w0;
  sum += v.y * w1;
  sum += v.z * w2;
  sum += v.w * w3;
  return sum;
}
