-- Calls of a small function in nested loops.
local function entry(i, j)
  return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1)
end

local function times(v, out)
  local n = #v
  for i = 0, n - 1 do
    local total = 0.0
    for j = 0, n - 1 do
      total = total + entry(i, j) * v[j + 1]
    end
    out[i + 1] = total
  end
end

local function times_transposed(v, out)
  local n = #v
  for i = 0, n - 1 do
    local total = 0.0
    for j = 0, n - 1 do
      total = total + entry(j, i) * v[j + 1]
    end
    out[i + 1] = total
  end
end

local n = 300
local u, v, t = {}, {}, {}
for i = 1, n do u[i], v[i], t[i] = 1.0, 0.0, 0.0 end
for round = 1, 10 do
  times(u, t)
  times_transposed(t, v)
  times(v, t)
  times_transposed(t, u)
end
local uv, vv = 0.0, 0.0
for i = 1, n do
  uv = uv + u[i] * v[i]
  vv = vv + v[i] * v[i]
end
print(string.format("%.9f", math.sqrt(uv / vv)))
