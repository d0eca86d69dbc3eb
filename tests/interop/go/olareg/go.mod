module tools

go 1.25.0

require github.com/olareg/olareg v0.2.2
