package courier_test

import (
	"fmt"
	"time"

	"leadrelay/internal/courier"
)

func ExampleSchedule_Wait() {
	s := courier.Schedule{5 * time.Second, 30 * time.Second, 2 * time.Minute}
	fmt.Println(s.Wait(0), s.Wait(1), s.Wait(2), s.Wait(100))
	// Output: 5s 30s 2m0s 2m0s
}
