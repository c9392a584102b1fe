-- Permutations in small arrays.
local n = 9
local perm, start, count = {}, {}, {}
for i = 1, n do perm[i], start[i], count[i] = 0, i, 0 end
local most, check = 0, 0
local even = true
local r = n
local done = false
while not done do
  while r > 1 do
    count[r] = r
    r = r - 1
  end
  for i = 1, n do perm[i] = start[i] end
  local flips = 0
  local first = perm[1]
  while first ~= 1 do
    local lo, hi = 1, first
    while lo < hi do
      local t = perm[lo]
      perm[lo] = perm[hi]
      perm[hi] = t
      lo = lo + 1
      hi = hi - 1
    end
    flips = flips + 1
    first = perm[1]
  end
  if flips > most then most = flips end
  if even then check = check + flips else check = check - flips end
  even = not even
  while true do
    if r == n then
      done = true
      break
    end
    local head = start[1]
    for i = 1, r do start[i] = start[i + 1] end
    start[r + 1] = head
    count[r + 1] = count[r + 1] - 1
    if count[r + 1] > 0 then break end
    r = r + 1
  end
end
print(check .. " " .. most)
