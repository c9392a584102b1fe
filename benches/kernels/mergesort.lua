-- Bottom-up merge sort between two arrays.
local min = math.min

local function merge(from, to, lo, mid, hi)
  local i, j = lo, mid
  for k = lo, hi - 1 do
    if i < mid and (j >= hi or from[i] <= from[j]) then
      to[k] = from[i]
      i = i + 1
    else
      to[k] = from[j]
      j = j + 1
    end
  end
end

local function pass(from, to, width)
  local n = #from
  for lo = 1, n, 2 * width do
    merge(from, to, lo, min(lo + width, n + 1), min(lo + 2 * width, n + 1))
  end
end

local n = 1000000
local xs, spare = {}, {}
local seed = 42
for i = 1, n do
  seed = seed * 16807 % 2147483647
  xs[i] = seed
  spare[i] = 0
end
local width = 1
while width < n do
  pass(xs, spare, width)
  pass(spare, xs, 2 * width)
  width = 4 * width
end
local check = 0
for i = 1, n do
  if i > 1 then assert(xs[i - 1] <= xs[i]) end
  check = (check * 31 + xs[i]) % 1000003
end
print(check)
