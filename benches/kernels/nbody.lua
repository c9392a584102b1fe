-- Fields of a table of tables: the planets of the benchmarks game.
local DAYS = 365.24
local SOLAR = 39.47841760435743
local sqrt = math.sqrt

local function advance(bodies, dt)
  local n = #bodies
  for i = 1, n do
    local bi = bodies[i]
    local x, y, z, mass = bi.x, bi.y, bi.z, bi.mass
    local vx, vy, vz = bi.vx, bi.vy, bi.vz
    for j = i + 1, n do
      local bj = bodies[j]
      local dx, dy, dz = x - bj.x, y - bj.y, z - bj.z
      local d2 = dx * dx + dy * dy + dz * dz
      local mag = dt / (sqrt(d2) * d2)
      local mj = bj.mass * mag
      vx = vx - dx * mj
      vy = vy - dy * mj
      vz = vz - dz * mj
      local mi = mass * mag
      bj.vx = bj.vx + dx * mi
      bj.vy = bj.vy + dy * mi
      bj.vz = bj.vz + dz * mi
    end
    bi.vx = vx
    bi.vy = vy
    bi.vz = vz
    bi.x = x + dt * vx
    bi.y = y + dt * vy
    bi.z = z + dt * vz
  end
end

local function energy(bodies)
  local e = 0.0
  for i = 1, #bodies do
    local b = bodies[i]
    e = e + 0.5 * b.mass * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz)
    for j = i + 1, #bodies do
      local o = bodies[j]
      local dx, dy, dz = b.x - o.x, b.y - o.y, b.z - o.z
      e = e - b.mass * o.mass / sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return e
end

local bodies = {
  { x = 0.0, y = 0.0, z = 0.0, vx = 0.0, vy = 0.0, vz = 0.0, mass = SOLAR },
  { x = 4.84143144246472090, y = -1.16032004402742839, z = -0.103622044471123109,
    vx = 0.00166007664274403694 * DAYS, vy = 0.00769901118419740425 * DAYS,
    vz = -0.0000690460016972063023 * DAYS, mass = 0.000954791938424326609 * SOLAR },
  { x = 8.34336671824457987, y = 4.12479856412430479, z = -0.403523417114321381,
    vx = -0.00276742510726411619 * DAYS, vy = 0.00499852801234917238 * DAYS,
    vz = 0.0000230417297573763929 * DAYS, mass = 0.000285885980666130812 * SOLAR },
  { x = 12.8943695621391310, y = -15.1111514016986312, z = -0.223307578892655734,
    vx = 0.00296460137564761618 * DAYS, vy = 0.00237847173959480950 * DAYS,
    vz = -0.0000296589568540237556 * DAYS, mass = 0.0000436624404335156298 * SOLAR },
  { x = 15.3796971148509165, y = -25.9193146099879641, z = 0.179258772950371181,
    vx = 0.00268067772490389322 * DAYS, vy = 0.00162824170038242295 * DAYS,
    vz = -0.0000951592254519715870 * DAYS, mass = 0.0000515138902046611451 * SOLAR },
}
local px, py, pz = 0.0, 0.0, 0.0
for _, b in ipairs(bodies) do
  px = px + b.vx * b.mass
  py = py + b.vy * b.mass
  pz = pz + b.vz * b.mass
end
bodies[1].vx = -px / SOLAR
bodies[1].vy = -py / SOLAR
bodies[1].vz = -pz / SOLAR
print(string.format("%.9f", energy(bodies)))
for step = 1, 500000 do advance(bodies, 0.01) end
print(string.format("%.9f", energy(bodies)))
