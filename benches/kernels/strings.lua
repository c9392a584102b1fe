-- Lines built by appending, joined to a text of some megabytes, and its bytes read.
local lines = {}
for i = 0, 199999 do
  local line = ""
  for j = 1, 8 do
    line = line .. (i * j % 1000) .. ","
  end
  lines[#lines + 1] = line
end
local text = table.concat(lines, "\n")
local check = 0
for i = 1, #text, 8 do
  check = (check * 31 + text:byte(i)) % 1000003
end
print(#text .. " " .. check)
